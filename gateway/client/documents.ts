/** The operations of the client. A test validates each against the gateway's schema. */

import { directoryDocuments } from './directory-documents.ts';
import { registryDocuments } from './registry-documents.ts';
import { secondFactorDocuments } from './second-factor-documents.ts';
import { sshDocuments } from './ssh-documents.ts';
import { usageDocuments } from './usage-documents.ts';

const userFields = 'id email username role domain projectId';

const sessionFields = `
  id name type status statusInfo statusMessage result exitCode image command
  owner { ${userFields} }
  accessKey projectId domain resourceGroup priority tag environ clusterMode clusterSize
  requestedSlots occupiedSlots
  kernels {
    id role index hostname status image agentId containerId requestedSlots occupiedSlots
    devices { id slot amount model memoryBytes }
    pullProgress { layersDone layersTotal bytesDone bytesTotal }
    exitCode wasOutOfMemory statusInfo startedAt terminatedAt
  }
  statusHistory createdAt startedAt terminatedAt revision`;

const agentFields = `id status isSchedulable troubles { code message since kernelId }
  driver architecture resourceGroup version
  availableSlots occupiedSlots liveKernels registeredAt lostAt`;

const deviceFields = `id slot amount used model memoryBytes numaNode isolation
  holders { sessionId sessionName kernelId amount }`;

const imageFields =
  'id reference registry aliases architectures sizeBytes agentIds labels registeredAt isDefault';

const auditFields = `id sequence entity entityId firstRevision recordedAt actor commandId
  commandType traceId hash previousHash events`;

const setAsideFields =
  'id entity entityId commandType commandId actor traceId error tries sentAt setAsideAt';

const pageFields = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount';

const rejection = 'rejection { code message field details }';

const verificationFields = `isWhole commits aggregates lastSequence witnessedSequence
  faults { kind entity entityId revision sequence segment message } hasMoreFaults durationMs`;

const momentFields = `time sequence sessionsByStatus
  agents {
    id status isSchedulable driver architecture resourceGroup version availableSlots occupiedSlots
  }
  allocations { agentId sessionId kernelId attempt slots }`;

const reportFields =
  'sequence events isEqual differences { table missing unexpected changed } durationMs';

const runFields = 'run requestedAt finishedAt segments aggregates commits';

const segmentFields = `number name commits aggregates firstSequence lastSequence firstRecordedAt
  lastRecordedAt contentBytes archivedAt isPurged`;

const appFields = `name protocol ports source state isAnswering urlTemplate allowedArguments
  allowedEnviron lastEnd { exitCode said }`;
const presetFields = 'id name resourceGroup slots sharedMemoryBytes createdAt';

const scoreFields = 'count withinTwice withinRange errorP50Seconds errorP95Seconds';
const groupFields = `name description isDefault isPublic isActive usesHostNetwork access { domains projects accessKeys }
  scheduler agentSelectionStrategy weights allowedSessionTypes pendingTimeoutSeconds reservation
  preemption { isEnabled order mode runtimeMinSeconds victimScope }
  fairShare {
    halfLifeDays decayUnitDays lookbackDays defaultWeight
    resourceWeights domainWeights projectWeights userWeights
  }
  maxContainersPerAgent
  defaultSessionOptions {
    priority jobPriority isPreemptible clusterMode agentSelectionPolicy
    maxRetryCount allowFractionalResourceFragmentation
  }
  agents schedulableAgents pendingSessions availableSlots occupiedSlots setAt`;

const limitsFields = `scope key totalResourceSlots defaultForUnspecified maxConcurrentSessions
  maxConcurrentSftpSessions maxPendingSessionCount maxPendingSessionResourceSlots
  maxContainersPerSession maxPriority maxSessionLifetimeSeconds setByOwner usedSlots remainingSlots
  sessions sftpSessions pendingSessions setAt`;

const waitsFields = 'count p50Seconds p95Seconds';

const replayFields = `resourceGroup from to recordedPlacements samePlacements skippedJobs columns {
  name isOwn placed waiting wait { ${waitsFields} }
  waitByUser { user ${waitsFields} } usersLeftOut waitBySize { kernels ${waitsFields} }
  utilisation fairness preemptions spanSeconds assumedRuns
}`;

const standingFields = `resourceGroup at isInForce halfLifeDays decayUnitDays lookbackDays
  owners { kind owner rank factor weight usedSlotSeconds countedSlotSeconds } ownersLeftOut`;

export const documents = {
  ...registryDocuments(imageFields),
  viewer: `query Viewer { viewer { ${userFields} } }`,
  status: `query Status { status {
    version sessionsByStatus agentsByStatus availableSlots occupiedSlots
    logSequence projectedSequence startedAt
  } }`,
  session: `query Session($id: ID!) { session(id: $id) { ${sessionFields} } }`,
  sessions: `query Sessions($filter: SessionFilter, $order: SessionOrder, $first: Int!, $after: String) {
    sessions(filter: $filter, order: $order, first: $first, after: $after) {
      edges { cursor node { ${sessionFields} } } ${pageFields}
    }
  }`,
  sessionAt: `query SessionAt($id: ID!, $time: DateTime!) {
    sessionAt(id: $id, time: $time) { ${sessionFields} }
  }`,
  sessionWhy: `query SessionWhy($id: ID!) { sessionWhy(id: $id) {
    sessionId status isWaiting code message checks { name message } missingSlots
    agents { inGroup schedulable compatible largeEnough } place queuedAt attempt
    forecast {
      askedAt waiting startsAt earliest latest message
      suggestions { change message resourceGroup clusterMode kernels runsAtMostSeconds }
      score { ${scoreFields} }
    }
  } }`,
  sessionLiveStat: `query SessionLiveStat($id: ID!) { sessionLiveStat: session(id: $id) {
    kernels { id hostname status agentId liveStat }
  } }`,
  sessionStatisticsHistory: `query SessionStatisticsHistory(
    $id: ID!, $since: DateTime!, $until: DateTime, $stepSeconds: Float!, $keys: [String!]
  ) {
    sessionStatisticsHistory(
      id: $id, since: $since, until: $until, stepSeconds: $stepSeconds, keys: $keys
    ) { id key points { at mean peak capacity } }
  }`,
  agentStatisticsHistory: `query AgentStatisticsHistory(
    $id: ID!, $since: DateTime!, $until: DateTime, $stepSeconds: Float!, $keys: [String!]
  ) {
    agentStatisticsHistory(
      id: $id, since: $since, until: $until, stepSeconds: $stepSeconds, keys: $keys
    ) { id key points { at mean peak capacity } }
  }`,
  agentLiveStat: `query AgentLiveStat($first: Int!, $after: String) {
    agentLiveStat: agents(first: $first, after: $after) {
      edges { cursor node { id status driver liveStat } } ${pageFields}
    }
  }`,
  agents: `query Agents($first: Int!, $after: String) { agents(first: $first, after: $after) {
    edges { cursor node { ${agentFields} } } ${pageFields}
  } }`,
  agentDevices: `query AgentDevices($first: Int!, $after: String) {
    agentDevices: agents(first: $first, after: $after) {
      edges { cursor node { id devices { ${deviceFields} } } } ${pageFields}
    }
  }`,
  images: `query Images($first: Int!, $after: String) { images(first: $first, after: $after) {
    edges { cursor node { ${imageFields} } } ${pageFields}
  } }`,
  auditLog: `query AuditLog($entity: String, $first: Int!, $after: String) {
    auditLog(entity: $entity, first: $first, after: $after) {
      edges { cursor node { ${auditFields} } } ${pageFields}
    }
  }`,
  verifyAudit: `query VerifyAudit($entity: String, $since: DateTime) {
    verifyAudit(entity: $entity, since: $since) { ${verificationFields} }
  }`,
  clusterAt: `query ClusterAt($time: DateTime!) { clusterAt(time: $time) { ${momentFields} } }`,
  archive: `query Archive($last: Int!, $before: Int) { archive(last: $last, before: $before) {
    isConfigured segmentCount run { ${runFields} } segments { ${segmentFields} }
  } }`,
  scheduleReplay: `query ScheduleReplay($input: ScheduleReplayInput!) {
    scheduleReplay(input: $input) { replay { ${replayFields} } ${rejection} }
  }`,
  fairShare: `query FairShare($resourceGroup: String) {
    fairShare(resourceGroup: $resourceGroup) { standing { ${standingFields} } ${rejection} }
  }`,
  verifyArchive: `query VerifyArchive { verifyArchive { ${verificationFields} } }`,
  setAsideCommands: `query SetAsideCommands { setAsideCommands { ${setAsideFields} } }`,
  signIn: `mutation SignIn($email: String!, $password: String!, $otp: String) {
    signIn(email: $email, password: $password, otp: $otp) {
      token expiresAt user { ${userFields} } ${rejection}
    }
  }`,
  createSession: `mutation CreateSession($input: CreateSessionInput!) {
    createSession(input: $input) { session { ${sessionFields} } isCreated ${rejection} }
  }`,
  terminateSession: `mutation TerminateSession($input: TerminateSessionInput!) {
    terminateSession(input: $input) { session { ${sessionFields} } ${rejection} }
  }`,
  terminateSessions: `mutation TerminateSessions($input: TerminateSessionsInput!) {
    terminateSessions(input: $input) {
      sessionIds refused { sessionId ${rejection} } hasMore ${rejection}
    }
  }`,
  setSessionPriority: `mutation SetSessionPriority($input: SetSessionPriorityInput!) {
    setSessionPriority(input: $input) { session { ${sessionFields} } ${rejection} }
  }`,
  setAgentSchedulable: `mutation SetAgentSchedulable($input: SetAgentSchedulableInput!) {
    setAgentSchedulable(input: $input) { agentId ${rejection} }
  }`,
  drainAgent: `mutation DrainAgent($input: DrainAgentInput!) {
    drainAgent(input: $input) { agentId ${rejection} }
  }`,
  registerImage: `mutation RegisterImage($input: RegisterImageInput!) {
    registerImage(input: $input) { image { ${imageFields} } ${rejection} }
  }`,
  resourcePresets: `query ResourcePresets { resourcePresets { ${presetFields} } }`,
  checkPresets: `query CheckPresets($resourceGroup: String) {
    checkPresets(resourceGroup: $resourceGroup) {
      resourceGroup { ${groupFields} }
      presets { preset { ${presetFields} } isAllocatable obstacle }
      limits { ${limitsFields} }
    }
  }`,
  resourceGroups: `query ResourceGroups { resourceGroups { ${groupFields} } }`,
  resourceGroup: `query ResourceGroup($name: String!) {
    resourceGroup(name: $name) { ${groupFields} forecastScore { ${scoreFields} } }
  }`,
  limits: `query Limits($scope: LimitScope!, $key: String!) {
    limits(scope: $scope, key: $key) { ${limitsFields} }
  }`,
  setResourceGroup: `mutation SetResourceGroup($input: SetResourceGroupInput!) {
    setResourceGroup(input: $input) { resourceGroup { ${groupFields} } ${rejection} }
  }`,
  removeResourceGroup: `mutation RemoveResourceGroup($name: String!) {
    removeResourceGroup(name: $name) { resourceGroup { ${groupFields} } ${rejection} }
  }`,
  setLimits: `mutation SetLimits($input: SetLimitsInput!) {
    setLimits(input: $input) { limits { ${limitsFields} } ${rejection} }
  }`,
  createResourcePreset: `mutation CreateResourcePreset($input: CreateResourcePresetInput!) {
    createResourcePreset(input: $input) { resourcePreset { ${presetFields} } ${rejection} }
  }`,
  modifyResourcePreset: `mutation ModifyResourcePreset($input: ModifyResourcePresetInput!) {
    modifyResourcePreset(input: $input) { resourcePreset { ${presetFields} } ${rejection} }
  }`,
  deleteResourcePreset: `mutation DeleteResourcePreset($input: DeleteResourcePresetInput!) {
    deleteResourcePreset(input: $input) { resourcePreset { ${presetFields} } ${rejection} }
  }`,
  execInSession: `mutation ExecInSession(
    $id: ID!, $command: [String!]!, $hasTerminal: Boolean!, $columns: Int, $rows: Int
  ) {
    execInSession(
      id: $id, command: $command, hasTerminal: $hasTerminal, columns: $columns, rows: $rows
    ) { ticket { url expiresAt } ${rejection} }
  }`,
  executeCode: `mutation ExecuteCode($input: ExecuteCodeInput!) {
    executeCode(input: $input) {
      result { runId status exitCode options console next } ${rejection}
    }
  }`,
  interruptCode: `mutation InterruptCode($sessionId: ID!, $runId: String) {
    interruptCode(sessionId: $sessionId, runId: $runId) { isInterrupted ${rejection} }
  }`,
  completeCode: `mutation CompleteCode($sessionId: ID!, $code: String!, $language: CodeLanguage! = PYTHON) {
    completeCode(sessionId: $sessionId, code: $code, language: $language) {
      completions ${rejection}
    }
  }`,
  openTerminal: `mutation OpenTerminal($input: OpenTerminalInput!) {
    openTerminal(input: $input) { ticket { url expiresAt } ${rejection} }
  }`,
  shareTerminal: `mutation ShareTerminal($input: ShareTerminalInput!) {
    shareTerminal(input: $input) { ticket { url expiresAt } ${rejection} }
  }`,
  terminalRecordings: `query TerminalRecordings($sessionId: ID!) {
    terminalRecordings(sessionId: $sessionId) {
      recordings { name terminal startedAt sizeBytes } ${rejection}
    }
  }`,
  sessionApps: `query SessionApps($sessionId: ID!) {
    sessionApps(sessionId: $sessionId) { apps { ${appFields} } faults ${rejection} }
  }`,
  startApp: `mutation StartApp($input: StartAppInput!) {
    startApp(input: $input) { app { ${appFields} } hasChanged ${rejection} }
  }`,
  stopApp: `mutation StopApp($sessionId: ID!, $app: String!) {
    stopApp(sessionId: $sessionId, app: $app) { app { ${appFields} } hasChanged ${rejection} }
  }`,
  openApp: `mutation OpenApp($input: OpenAppInput!) {
    openApp(input: $input) { ticket { url expiresAt } ${rejection} }
  }`,
  sessionFiles: `query SessionFiles($sessionId: ID!, $path: String!) {
    sessionFiles(sessionId: $sessionId, path: $path) {
      list {
        entries { name kind mode sizeBytes modifiedAt accessedAt changedAt target }
        isCut directory
      }
      ${rejection}
    }
  }`,
  removeSessionFile: `mutation RemoveSessionFile(
    $sessionId: ID!, $path: String!, $isRecursive: Boolean!
  ) {
    removeSessionFile(sessionId: $sessionId, path: $path, isRecursive: $isRecursive) {
      path ${rejection}
    }
  }`,
  renameSessionFile: `mutation RenameSessionFile($sessionId: ID!, $from: String!, $to: String!) {
    renameSessionFile(sessionId: $sessionId, from: $from, to: $to) { path ${rejection} }
  }`,
  rebuildProjections: `mutation RebuildProjections { rebuildProjections { ${reportFields} } }`,
  verifyProjections: `mutation VerifyProjections { verifyProjections { ${reportFields} } }`,
  runArchive: `mutation RunArchive { runArchive { run { ${runFields} } ${rejection} } }`,
  replaySetAsideCommand: `mutation ReplaySetAsideCommand($id: ID!) {
    replaySetAsideCommand(id: $id) { command { ${setAsideFields} } ${rejection} }
  }`,
  sessionEvents: `subscription SessionEvents($id: ID!, $fromRevision: Int!) {
    sessionEvents(id: $id, fromRevision: $fromRevision) {
      sessionId revision type recordedAt status kernelId kernelStatus details
    }
  }`,
  sessionsChanged: `subscription SessionsChanged($filter: SessionFilter, $after: String) {
    sessionsChanged(filter: $filter, after: $after) { cursor session { ${sessionFields} } }
  }`,
  sessionLogs: `subscription SessionLogs($id: ID!, $offset: Float!, $follow: Boolean!) {
    sessionLogs(id: $id, offset: $offset, follow: $follow) { offset source data isLast }
  }`,
  sessionStatistics: `subscription SessionStatistics($id: ID!) {
    sessionStatistics(id: $id) { kernelId measuredAt liveStat }
  }`,
  ...directoryDocuments,
  ...usageDocuments,
  ...secondFactorDocuments,
  ...sshDocuments,
} as const;

export type DocumentName = keyof typeof documents;
