/** The operations on domains, projects, users, key pairs and policies. */

const pageFields = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount';
const rejection = 'rejection { code message field details }';

const domainFields = `id name description isActive totalResourceSlots allowedVfolderHosts
  allowedDockerRegistries integrationId createdAt modifiedAt`;
const projectFields = `id name domain type description isActive totalResourceSlots
  allowedVfolderHosts integrationId resourcePolicy containerRegistry createdAt modifiedAt`;
const userFields = `id email username fullName description role domain
  projects { projectId role } status statusInfo needPasswordChange passwordChangedAt
  resourcePolicy allowedClientIp sudoSessionEnabled mainAccessKey createdAt modifiedAt`;
const keypairFields = 'accessKey userId isActive isAdmin resourcePolicy rateLimit createdAt';
const keypairPolicyFields = `name defaultForUnspecified totalResourceSlots maxSessionLifetime
  maxConcurrentSessions maxConcurrentSftpSessions maxPendingSessionCount
  maxPendingSessionResourceSlots maxPriority maxContainersPerSession idleTimeout
  allowedVfolderHosts createdAt`;
const userPolicyFields = `name maxVfolderCount maxQuotaScopeSize maxSessionCountPerModelSession
  maxCustomizedImageCount maxConcurrentLogins createdAt`;
const projectPolicyFields = 'name maxVfolderCount maxQuotaScopeSize maxNetworkCount createdAt';

const connection = (fields: string): string => `edges { cursor node { ${fields} } } ${pageFields}`;
const policy = (fields: string): string => `resourcePolicy { ${fields} } ${rejection}`;

export const directoryDocuments = {
  domain: `query Domain($name: String) { domain(name: $name) { ${domainFields} } }`,
  domains: `query Domains($isActive: Boolean, $first: Int!, $after: String) {
    domains(isActive: $isActive, first: $first, after: $after) { ${connection(domainFields)} }
  }`,
  createDomain: `mutation CreateDomain($name: String!, $input: DomainInput) {
    createDomain(name: $name, input: $input) { domain { ${domainFields} } ${rejection} }
  }`,
  modifyDomain: `mutation ModifyDomain($name: String!, $input: DomainInput!) {
    modifyDomain(name: $name, input: $input) { domain { ${domainFields} } ${rejection} }
  }`,
  deleteDomain: `mutation DeleteDomain($name: String!) {
    deleteDomain(name: $name) { domain { ${domainFields} } ${rejection} }
  }`,
  purgeDomain: `mutation PurgeDomain($name: String!) {
    purgeDomain(name: $name) { domain { ${domainFields} } ${rejection} }
  }`,
  project: `query Project($id: ID!) { project(id: $id) { ${projectFields} } }`,
  projects: `query Projects(
    $domain: String, $name: String, $isActive: Boolean, $first: Int!, $after: String
  ) {
    projects(domain: $domain, name: $name, isActive: $isActive, first: $first, after: $after) {
      ${connection(projectFields)}
    }
  }`,
  createProject: `mutation CreateProject(
    $domain: String!, $name: String!, $type: ProjectType! = GENERAL, $input: ProjectInput
  ) {
    createProject(domain: $domain, name: $name, type: $type, input: $input) {
      project { ${projectFields} } ${rejection}
    }
  }`,
  modifyProject: `mutation ModifyProject($id: ID!, $input: ProjectInput!) {
    modifyProject(id: $id, input: $input) { project { ${projectFields} } ${rejection} }
  }`,
  deleteProject: `mutation DeleteProject($id: ID!) {
    deleteProject(id: $id) { project { ${projectFields} } ${rejection} }
  }`,
  purgeProject: `mutation PurgeProject($id: ID!) {
    purgeProject(id: $id) { project { ${projectFields} } ${rejection} }
  }`,
  addProjectMember: `mutation AddProjectMember($id: ID!, $userId: ID!, $role: ProjectRole!) {
    addProjectMember(id: $id, userId: $userId, role: $role) { user { ${userFields} } ${rejection} }
  }`,
  removeProjectMember: `mutation RemoveProjectMember($id: ID!, $userId: ID!) {
    removeProjectMember(id: $id, userId: $userId) { user { ${userFields} } ${rejection} }
  }`,
  user: `query User($id: ID, $email: String) { user(id: $id, email: $email) { ${userFields} } }`,
  users: `query Users(
    $domain: String, $projectId: ID, $status: UserStatus, $role: UserRole
    $first: Int!, $after: String
  ) {
    users(
      domain: $domain, projectId: $projectId, status: $status, role: $role
      first: $first, after: $after
    ) { ${connection(userFields)} }
  }`,
  createUser: `mutation CreateUser($input: CreateUserInput!) { createUser(input: $input) {
    user { ${userFields} } keypair { ${keypairFields} } secretKey ${rejection}
  } }`,
  modifyUser: `mutation ModifyUser($id: ID!, $input: ModifyUserInput!) {
    modifyUser(id: $id, input: $input) { user { ${userFields} } ${rejection} }
  }`,
  deleteUser: `mutation DeleteUser($id: ID!) {
    deleteUser(id: $id) { user { ${userFields} } ${rejection} }
  }`,
  purgeUser: `mutation PurgeUser($id: ID!) {
    purgeUser(id: $id) { user { ${userFields} } ${rejection} }
  }`,
  keypair: `query Keypair($accessKey: ID) { keypair(accessKey: $accessKey) { ${keypairFields} } }`,
  keypairs: `query Keypairs(
    $userId: ID, $domain: String, $isActive: Boolean, $first: Int!, $after: String
  ) {
    keypairs(userId: $userId, domain: $domain, isActive: $isActive, first: $first, after: $after) {
      ${connection(keypairFields)}
    }
  }`,
  createKeypair: `mutation CreateKeypair($input: CreateKeypairInput!) {
    createKeypair(input: $input) { keypair { ${keypairFields} } secretKey ${rejection} }
  }`,
  modifyKeypair: `mutation ModifyKeypair($accessKey: ID!, $input: ModifyKeypairInput!) {
    modifyKeypair(accessKey: $accessKey, input: $input) {
      keypair { ${keypairFields} } ${rejection}
    }
  }`,
  rotateKeypair: `mutation RotateKeypair($accessKey: ID!) {
    rotateKeypair(accessKey: $accessKey) { keypair { ${keypairFields} } secretKey ${rejection} }
  }`,
  deleteKeypair: `mutation DeleteKeypair($accessKey: ID!) {
    deleteKeypair(accessKey: $accessKey) { keypair { ${keypairFields} } ${rejection} }
  }`,
  keypairResourcePolicy: `query KeypairResourcePolicy($name: String!) {
    keypairResourcePolicy(name: $name) { ${keypairPolicyFields} }
  }`,
  keypairResourcePolicies: `query KeypairResourcePolicies($first: Int!, $after: String) {
    keypairResourcePolicies(first: $first, after: $after) { ${connection(keypairPolicyFields)} }
  }`,
  createKeypairResourcePolicy: `mutation CreateKeypairResourcePolicy(
    $name: String!, $input: KeypairResourcePolicyInput
  ) { createKeypairResourcePolicy(name: $name, input: $input) { ${policy(keypairPolicyFields)} } }`,
  modifyKeypairResourcePolicy: `mutation ModifyKeypairResourcePolicy(
    $name: String!, $input: KeypairResourcePolicyInput!
  ) { modifyKeypairResourcePolicy(name: $name, input: $input) { ${policy(keypairPolicyFields)} } }`,
  deleteKeypairResourcePolicy: `mutation DeleteKeypairResourcePolicy($name: String!) {
    deleteKeypairResourcePolicy(name: $name) { ${policy(keypairPolicyFields)} }
  }`,
  userResourcePolicy: `query UserResourcePolicy($name: String!) {
    userResourcePolicy(name: $name) { ${userPolicyFields} }
  }`,
  userResourcePolicies: `query UserResourcePolicies($first: Int!, $after: String) {
    userResourcePolicies(first: $first, after: $after) { ${connection(userPolicyFields)} }
  }`,
  createUserResourcePolicy: `mutation CreateUserResourcePolicy(
    $name: String!, $input: UserResourcePolicyInput
  ) { createUserResourcePolicy(name: $name, input: $input) { ${policy(userPolicyFields)} } }`,
  modifyUserResourcePolicy: `mutation ModifyUserResourcePolicy(
    $name: String!, $input: UserResourcePolicyInput!
  ) { modifyUserResourcePolicy(name: $name, input: $input) { ${policy(userPolicyFields)} } }`,
  deleteUserResourcePolicy: `mutation DeleteUserResourcePolicy($name: String!) {
    deleteUserResourcePolicy(name: $name) { ${policy(userPolicyFields)} }
  }`,
  projectResourcePolicy: `query ProjectResourcePolicy($name: String!) {
    projectResourcePolicy(name: $name) { ${projectPolicyFields} }
  }`,
  projectResourcePolicies: `query ProjectResourcePolicies($first: Int!, $after: String) {
    projectResourcePolicies(first: $first, after: $after) { ${connection(projectPolicyFields)} }
  }`,
  createProjectResourcePolicy: `mutation CreateProjectResourcePolicy(
    $name: String!, $input: ProjectResourcePolicyInput
  ) { createProjectResourcePolicy(name: $name, input: $input) { ${policy(projectPolicyFields)} } }`,
  modifyProjectResourcePolicy: `mutation ModifyProjectResourcePolicy(
    $name: String!, $input: ProjectResourcePolicyInput!
  ) { modifyProjectResourcePolicy(name: $name, input: $input) { ${policy(projectPolicyFields)} } }`,
  deleteProjectResourcePolicy: `mutation DeleteProjectResourcePolicy($name: String!) {
    deleteProjectResourcePolicy(name: $name) { ${policy(projectPolicyFields)} }
  }`,
} as const;
