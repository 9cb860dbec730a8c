import { reading } from '../reading.ts';
import type { FieldResolvers } from '../resolver.ts';
import { createProject, deleteProject, modifyProject, purgeProject } from './change-projects.ts';
import { createUser, deleteUser, modifyUser, purgeUser } from './change-users.ts';
import {
  createDomain,
  deleteDomain,
  domain,
  domains,
  modifyDomain,
  purgeDomain,
} from './domains.ts';
import {
  createKeypair,
  deleteKeypair,
  keypair,
  keypairs,
  modifyKeypair,
  rotateKeypair,
} from './keypairs.ts';
import { policyResolvers } from './policies.ts';
import { addProjectMember, removeProjectMember } from './project-members.ts';
import { project, projects } from './projects.ts';
import { user, users } from './users.ts';

const ofKeypairs = policyResolvers('keypair', {
  one: 'Query.keypairResourcePolicy',
  list: 'Query.keypairResourcePolicies',
  create: 'Mutation.createKeypairResourcePolicy',
  modify: 'Mutation.modifyKeypairResourcePolicy',
  delete: 'Mutation.deleteKeypairResourcePolicy',
});
const ofUsers = policyResolvers('user', {
  one: 'Query.userResourcePolicy',
  list: 'Query.userResourcePolicies',
  create: 'Mutation.createUserResourcePolicy',
  modify: 'Mutation.modifyUserResourcePolicy',
  delete: 'Mutation.deleteUserResourcePolicy',
});
const ofProjects = policyResolvers('project', {
  one: 'Query.projectResourcePolicy',
  list: 'Query.projectResourcePolicies',
  create: 'Mutation.createProjectResourcePolicy',
  modify: 'Mutation.modifyProjectResourcePolicy',
  delete: 'Mutation.deleteProjectResourcePolicy',
});

/** All read rows, so they wait for the caller's own writes first. */
export const directoryQueries: FieldResolvers = {
  domain: reading(domain),
  domains: reading(domains),
  project: reading(project),
  projects: reading(projects),
  user: reading(user),
  users: reading(users),
  keypair: reading(keypair),
  keypairs: reading(keypairs),
  keypairResourcePolicy: reading(ofKeypairs.one),
  keypairResourcePolicies: reading(ofKeypairs.list),
  userResourcePolicy: reading(ofUsers.one),
  userResourcePolicies: reading(ofUsers.list),
  projectResourcePolicy: reading(ofProjects.one),
  projectResourcePolicies: reading(ofProjects.list),
};

export const directoryMutations: FieldResolvers = {
  createDomain: reading(createDomain),
  modifyDomain: reading(modifyDomain),
  deleteDomain: reading(deleteDomain),
  purgeDomain: reading(purgeDomain),
  createProject: reading(createProject),
  modifyProject: reading(modifyProject),
  deleteProject: reading(deleteProject),
  purgeProject: reading(purgeProject),
  addProjectMember: reading(addProjectMember),
  removeProjectMember: reading(removeProjectMember),
  createUser: reading(createUser),
  modifyUser: reading(modifyUser),
  deleteUser: reading(deleteUser),
  purgeUser: reading(purgeUser),
  createKeypair: reading(createKeypair),
  modifyKeypair: reading(modifyKeypair),
  rotateKeypair: reading(rotateKeypair),
  deleteKeypair: reading(deleteKeypair),
  createKeypairResourcePolicy: reading(ofKeypairs.create),
  modifyKeypairResourcePolicy: reading(ofKeypairs.modify),
  deleteKeypairResourcePolicy: reading(ofKeypairs.delete),
  createUserResourcePolicy: reading(ofUsers.create),
  modifyUserResourcePolicy: reading(ofUsers.modify),
  deleteUserResourcePolicy: reading(ofUsers.delete),
  createProjectResourcePolicy: reading(ofProjects.create),
  modifyProjectResourcePolicy: reading(ofProjects.modify),
  deleteProjectResourcePolicy: reading(ofProjects.delete),
};
