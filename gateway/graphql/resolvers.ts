import { agents } from './agents/agents.ts';
import { drainAgent, setAgentSchedulable } from './agents/node-life.ts';
import { openApp, sessionApps, startApp, stopApp } from './apps/apps.ts';
import { archive } from './archive/archive.ts';
import { runArchive } from './archive/run-archive.ts';
import { verifyArchive } from './archive/verify-archive.ts';
import { auditLog } from './audit/audit-log.ts';
import { verifyAudit } from './audit/verify-audit.ts';
import { clusterAt } from './cluster/cluster-at.ts';
import { rebuildProjections, verifyProjections } from './cluster/projection-report.ts';
import { status } from './cluster/status.ts';
import { completeCode } from './code/complete-code.ts';
import { executeCode } from './code/execute-code.ts';
import { interruptCode } from './code/interrupt-code.ts';
import { replaySetAsideCommand } from './commands/replay-set-aside-command.ts';
import { setAsideCommands } from './commands/set-aside-commands.ts';
import { directoryMutations, directoryQueries } from './directory/directory-resolvers.ts';
import { removeSessionFile, renameSessionFile, sessionFiles } from './files/session-files.ts';
import { signIn } from './identity/sign-in.ts';
import { confirmTotp, enrolTotp, removeTotp, resetTotp } from './identity/totp.ts';
import { viewer } from './identity/viewer.ts';
import { aliasImage, dealiasImage, forgetImage } from './images/change-images.ts';
import { images } from './images/images.ts';
import { registerImage } from './images/register-image.ts';
import { rescanImages } from './images/rescan-images.ts';
import { limits } from './limits/limits.ts';
import { setLimits } from './limits/set-limits.ts';
import { observedField, observedSubscription } from './observe.ts';
import { checkPresets } from './presets/check-presets.ts';
import { createResourcePreset } from './presets/create-resource-preset.ts';
import { deleteResourcePreset } from './presets/delete-resource-preset.ts';
import { modifyResourcePreset } from './presets/modify-resource-preset.ts';
import { resourcePresets } from './presets/resource-presets.ts';
import { reading } from './reading.ts';
import {
  createContainerRegistry,
  deleteContainerRegistry,
  modifyContainerRegistry,
} from './registries/change-registry.ts';
import { containerRegistries } from './registries/container-registries.ts';
import type { Resolver, Subscriber } from './resolver.ts';
import { removeResourceGroup } from './resource-groups/remove-resource-group.ts';
import { resourceGroup, resourceGroups } from './resource-groups/resource-groups.ts';
import { setResourceGroup } from './resource-groups/set-resource-group.ts';
import { fairShare } from './scheduling/fair-share.ts';
import { scheduleReplay } from './scheduling/schedule-replay.ts';
import type { Resolvers } from './schema.ts';
import { createSession } from './sessions/create-session.ts';
import { execInSession } from './sessions/exec-in-session.ts';
import { session } from './sessions/session.ts';
import { sessionAt } from './sessions/session-at.ts';
import { sessionEvents } from './sessions/session-events.ts';
import { sessionLogs } from './sessions/session-logs.ts';
import { sessionWhy } from './sessions/session-why.ts';
import { sessions } from './sessions/sessions.ts';
import { sessionsChanged } from './sessions/sessions-changed.ts';
import { setSessionPriority } from './sessions/set-session-priority.ts';
import { terminateSession } from './sessions/terminate-session.ts';
import { terminateSessions } from './sessions/terminate-sessions.ts';
import { forwardPort } from './ssh/forward-port.ts';
import { addSshKey, labelSshKey, removeSshKey, sshKeys } from './ssh/ssh-keys.ts';
import { sshServer } from './ssh/ssh-server.ts';
import { sessionStatistics } from './statistics/session-statistics.ts';
import {
  agentStatisticsHistory,
  sessionStatisticsHistory,
} from './statistics/statistics-history.ts';
import { openTerminal, shareTerminal, terminalRecordings } from './terminals/terminals.ts';
import { quotas } from './usage/quotas.ts';
import { quotasChanged } from './usage/quotas-changed.ts';
import { usage } from './usage/usage.ts';

/** What reads rows waits for the caller's own writes first. */
const queries = {
  viewer,
  status: reading(status),
  session: reading(session),
  sessions: reading(sessions),
  sessionAt: reading(sessionAt),
  sessionWhy: reading(sessionWhy),
  sessionFiles: reading(sessionFiles),
  sessionApps: reading(sessionApps),
  sessionStatisticsHistory: reading(sessionStatisticsHistory),
  agentStatisticsHistory,
  terminalRecordings: reading(terminalRecordings),
  sshKeys: reading(sshKeys),
  sshServer,
  agents: reading(agents),
  images: reading(images),
  containerRegistries: reading(containerRegistries),
  resourcePresets: reading(resourcePresets),
  checkPresets: reading(checkPresets),
  resourceGroups: reading(resourceGroups),
  resourceGroup: reading(resourceGroup),
  limits: reading(limits),
  quotas: reading(quotas),
  usage: reading(usage),
  scheduleReplay,
  fairShare,
  auditLog: reading(auditLog),
  verifyAudit,
  clusterAt: reading(clusterAt),
  archive,
  verifyArchive,
  setAsideCommands,
  ...directoryQueries,
};
const mutations = {
  signIn,
  enrolTotp: reading(enrolTotp),
  confirmTotp: reading(confirmTotp),
  removeTotp: reading(removeTotp),
  resetTotp: reading(resetTotp),
  createSession,
  terminateSession: reading(terminateSession),
  terminateSessions: reading(terminateSessions),
  setSessionPriority: reading(setSessionPriority),
  setAgentSchedulable,
  drainAgent,
  registerImage,
  aliasImage: reading(aliasImage),
  dealiasImage: reading(dealiasImage),
  forgetImage: reading(forgetImage),
  rescanImages: reading(rescanImages),
  createContainerRegistry: reading(createContainerRegistry),
  modifyContainerRegistry: reading(modifyContainerRegistry),
  deleteContainerRegistry: reading(deleteContainerRegistry),
  createResourcePreset: reading(createResourcePreset),
  modifyResourcePreset: reading(modifyResourcePreset),
  deleteResourcePreset: reading(deleteResourcePreset),
  setResourceGroup: reading(setResourceGroup),
  removeResourceGroup: reading(removeResourceGroup),
  setLimits: reading(setLimits),
  execInSession: reading(execInSession),
  executeCode: reading(executeCode),
  openTerminal: reading(openTerminal),
  shareTerminal: reading(shareTerminal),
  startApp: reading(startApp),
  stopApp: reading(stopApp),
  openApp: reading(openApp),
  forwardPort: reading(forwardPort),
  addSshKey: reading(addSshKey),
  labelSshKey: reading(labelSshKey),
  removeSshKey: reading(removeSshKey),
  interruptCode: reading(interruptCode),
  completeCode: reading(completeCode),
  removeSessionFile: reading(removeSessionFile),
  renameSessionFile: reading(renameSessionFile),
  rebuildProjections,
  verifyProjections,
  runArchive,
  replaySetAsideCommand,
  ...directoryMutations,
};
const subscriptions = {
  sessionEvents: reading(sessionEvents),
  sessionsChanged,
  sessionLogs: reading(sessionLogs),
  sessionStatistics: reading(sessionStatistics),
  quotasChanged: reading(quotasChanged),
};

/** Every root field, each measured and mutations traced. */
export function createResolvers(): Resolvers {
  return {
    Query: eachOf<Resolver>(queries, (name, resolver) => observedField(`Query.${name}`, resolver)),
    Mutation: eachOf<Resolver>(mutations, (name, resolver) =>
      observedField(`Mutation.${name}`, resolver),
    ),
    Subscription: eachOf<Subscriber>(subscriptions, observedSubscription),
  };
}

function eachOf<Work>(
  works: Readonly<Record<string, Work>>,
  observe: (name: string, work: Work) => Work,
): Readonly<Record<string, Work>> {
  return Object.fromEntries(
    Object.entries(works).map(([name, work]) => [name, observe(name, work)]),
  );
}
