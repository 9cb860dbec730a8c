import type { AggregateName } from '@orrery/bus';
import type { Operation } from './may.ts';

/** Under which operations a person may send each command of the bus; `system`: no person ever does. */
type Senders = readonly Operation[] | 'system';

export const busCommands = {
  'session.enqueue': ['Mutation.createSession'],
  'session.terminate': ['Mutation.terminateSession', 'Mutation.terminateSessions'],
  'session.set-priority': ['Mutation.setSessionPriority'],
  'session.place': 'system',
  'session.report-kernel': 'system',
  'session.report-network': 'system',
  'session.requeue': 'system',
  'session.tell-outcome': 'system',
  'session.look-after-node': 'system',
  'session.pass-deadline': 'system',
  'scheduler.set-group': ['Mutation.setResourceGroup'],
  'scheduler.remove-group': ['Mutation.removeResourceGroup'],
  'scheduler.set-limits': ['Mutation.setLimits'],
  'scheduler.foretell': ['Query.sessionWhy'],
  'scheduler.look-after-node': 'system',
  'scheduler.queue': 'system',
  'scheduler.release': 'system',
  'scheduler.update-node': 'system',
  'scheduler.set-priority': 'system',
  'scheduler.finish': 'system',
  'scheduler.evict': 'system',
  'scheduler.pass-deadline': 'system',
  'node.set-schedulable': ['Mutation.setAgentSchedulable'],
  'node.drain': ['Mutation.drainAgent'],
  'node.register': 'system',
  'node.lose': 'system',
  'node.return': 'system',
  'node.leave': 'system',
  'node.pass-deadline': 'system',
  'image.register': ['Mutation.registerImage'],
  'image.report': 'system',
  'image.report-gone': 'system',
  'image.forget': 'system',
  'user.register': ['Mutation.createUser'],
  'user.modify': ['Mutation.modifyUser', 'Mutation.deleteUser'],
  'user.purge': ['Mutation.purgeUser'],
  'user.join-project': ['Mutation.addProjectMember'],
  'user.leave-project': ['Mutation.removeProjectMember'],
  'user.issue-key': ['Mutation.createKeypair'],
  'user.withdraw-key': ['Mutation.deleteKeypair'],
  'user.change-password': 'system',
  'user.deactivate': 'system',
  'keypair.create': ['Mutation.createUser', 'Mutation.createKeypair'],
  'keypair.modify': ['Mutation.modifyKeypair'],
  'keypair.rotate': ['Mutation.rotateKeypair'],
  'keypair.delete': ['Mutation.deleteKeypair'],
  'keypair.follow-role': 'system',
  'keypair.deactivate': 'system',
  'archive.request-run': ['Mutation.runArchive'],
  'archive.anchor': 'system',
  'archive.report-purged': 'system',
  'archive.finish-run': 'system',
  'preset.create': ['Mutation.createResourcePreset'],
  'preset.modify': ['Mutation.modifyResourcePreset'],
  'preset.delete': ['Mutation.deleteResourcePreset'],
  'domain.create': ['Mutation.createDomain'],
  'domain.modify': ['Mutation.modifyDomain', 'Mutation.deleteDomain'],
  'domain.purge': ['Mutation.purgeDomain'],
  'project.create': ['Mutation.createProject'],
  'project.modify': ['Mutation.modifyProject', 'Mutation.deleteProject'],
  'project.purge': ['Mutation.purgeProject'],
  'policy.create': [
    'Mutation.createKeypairResourcePolicy',
    'Mutation.createUserResourcePolicy',
    'Mutation.createProjectResourcePolicy',
  ],
  'policy.modify': [
    'Mutation.modifyKeypairResourcePolicy',
    'Mutation.modifyUserResourcePolicy',
    'Mutation.modifyProjectResourcePolicy',
  ],
  'policy.delete': [
    'Mutation.deleteKeypairResourcePolicy',
    'Mutation.deleteUserResourcePolicy',
    'Mutation.deleteProjectResourcePolicy',
  ],
  'policy.bind': 'system',
  'policy.unbind': 'system',
} as const satisfies Readonly<Record<string, Senders>>;

/** Whether a person may be named as who sent the command. Whether this one may, the operation has said. */
export function isSentByPeople(aggregate: AggregateName, type: string): boolean {
  const senders: Readonly<Record<string, Senders>> = busCommands;
  const of = senders[`${aggregate}.${type}`];
  return of !== undefined && of !== 'system';
}
