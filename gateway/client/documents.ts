/** The operations of the client. A test validates each against `graphql/schema.graphql`. */

const userFields = 'id email username role domain projectId';

const sessionFields = `
  id name type status statusInfo statusMessage result exitCode image command
  owner { ${userFields} }
  accessKey projectId domain resourceGroup priority tag environ requestedSlots occupiedSlots
  kernels {
    id role index hostname status image agentId containerId requestedSlots occupiedSlots
    exitCode wasOutOfMemory statusInfo startedAt terminatedAt
  }
  statusHistory createdAt startedAt terminatedAt revision`;

const agentFields = `id status isSchedulable driver architecture resourceGroup version
  availableSlots occupiedSlots liveKernels registeredAt lostAt`;

const imageFields = 'id reference architectures sizeBytes agentIds labels registeredAt isDefault';

const auditFields = `id sequence entity entityId firstRevision recordedAt actor commandId
  commandType traceId hash previousHash events`;

const pageFields = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount';

const rejection = 'rejection { code message field details }';

const verificationFields = `isWhole commits aggregates lastSequence witnessedSequence
  faults { kind entity entityId revision sequence message } hasMoreFaults durationMs`;

const momentFields = `time sequence sessionsByStatus
  agents {
    id status isSchedulable driver architecture resourceGroup version availableSlots occupiedSlots
  }
  allocations { agentId sessionId kernelId attempt slots }`;

const reportFields =
  'sequence events isEqual differences { table missing unexpected changed } durationMs';

export const documents = {
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
  agents: `query Agents($first: Int!, $after: String) { agents(first: $first, after: $after) {
    edges { cursor node { ${agentFields} } } ${pageFields}
  } }`,
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
  signIn: `mutation SignIn($email: String!, $password: String!) {
    signIn(email: $email, password: $password) {
      token expiresAt user { ${userFields} } ${rejection}
    }
  }`,
  createSession: `mutation CreateSession($input: CreateSessionInput!) {
    createSession(input: $input) { session { ${sessionFields} } isCreated ${rejection} }
  }`,
  terminateSession: `mutation TerminateSession($input: TerminateSessionInput!) {
    terminateSession(input: $input) { session { ${sessionFields} } ${rejection} }
  }`,
  registerImage: `mutation RegisterImage($input: RegisterImageInput!) {
    registerImage(input: $input) { image { ${imageFields} } ${rejection} }
  }`,
  execInSession: `mutation ExecInSession(
    $id: ID!, $command: [String!]!, $hasTerminal: Boolean!, $columns: Int, $rows: Int
  ) {
    execInSession(
      id: $id, command: $command, hasTerminal: $hasTerminal, columns: $columns, rows: $rows
    ) { ticket { url expiresAt } ${rejection} }
  }`,
  rebuildProjections: `mutation RebuildProjections { rebuildProjections { ${reportFields} } }`,
  verifyProjections: `mutation VerifyProjections { verifyProjections { ${reportFields} } }`,
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
} as const;

export type DocumentName = keyof typeof documents;
