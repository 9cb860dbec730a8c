export {
  type AnchoredSegment,
  ArchiveIndex,
  type ArchiveRun,
} from './archive/archive-index.ts';
export { type ArchivedLog, withArchive } from './archive/archived-log.ts';
export { createDirectoryStore } from './archive/directory-store.ts';
export { ArchiveDamaged, ArchiveUnavailable } from './archive/errors.ts';
export { openSegmentStore } from './archive/open-archive.ts';
export { createS3Store, type S3Options } from './archive/s3-store.ts';
export {
  type ArchivedMessage,
  contentName,
  type EncodedSegment,
  encodeSegment,
  lineOf,
  manifestName,
  SEGMENT_BYTES_MAX,
} from './archive/segment.ts';
export { readSegment } from './archive/segment-reader.ts';
export type { SegmentStore } from './archive/segment-store.ts';
export { verifyArchive } from './archive/verify-archive.ts';
export { ChainWalk, CLOCK_SKEW_MS_MAX } from './audit/chain.ts';
export type { AuditFault, FaultKind } from './audit/fault.ts';
export { sequenceBefore } from './audit/log-place.ts';
export { type AuditReport, type VerifyOptions, verifyLog } from './audit/verify.ts';
export { type AuditRange, verifyArchivedLog, verifySegments } from './audit/verify-archived-log.ts';
export type { Witness } from './audit/witness.ts';
export type {
  AgentInbox,
  Alarms,
  Bus,
  EventLog,
  FollowedMessage,
  FollowOptions,
  Inbox,
  KeyChange,
  KeyValues,
  LiveChannel,
  LogMessage,
  ReadOptions,
  ReceivedCommand,
  ReceivedWish,
  SetAside,
  SetAsideCommand,
  SnapshotStore,
} from './bus.ts';
export { type Clock, steadyClock, systemClock } from './clock.ts';
export { sealCommit, sealedLength } from './commit-text.ts';
export {
  type AcceleratorSettings,
  ComputeSettings,
  DEFAULT_ACCELERATOR,
  DEFAULT_COMPUTE,
} from './compute-settings.ts';
export {
  agentLive,
  KernelSpec,
  KernelWish,
  StreamInput,
  StreamOutput,
  StreamRequest,
} from './contracts/agent.ts';
export {
  AppAnswer,
  AppList,
  AppName,
  AppOptions,
  AppProtocol,
  AppReport,
  AppRequest,
} from './contracts/app.ts';
export {
  ARCHIVE_ID,
  ARCHIVE_SCHEMA_VERSION,
  ArchiveCommand,
  ArchivedSegment,
  ArchiveEvent,
} from './contracts/archive.ts';
export {
  ClusterNetwork,
  ClusterPeer,
  EngineFacts,
  JoinedNetwork,
  KernelEndpoint,
  NamedNetwork,
  NetworkReport,
  NetworkWish,
  networkName,
} from './contracts/cluster-network.ts';
export {
  REGISTRY_SCHEMA_VERSION,
  RegistryCommand,
  RegistryEvent,
  RegistryName,
  RegistryProject,
  RegistryUrl,
  registryId,
} from './contracts/container-registry.ts';
export { HeldDevice, NodeDevice } from './contracts/device.ts';
export {
  AllowedFolderHosts,
  Description,
  DirectoryName,
  directoryId,
  SlotLimits,
} from './contracts/directory-values.ts';
export {
  DEFAULT_DOMAIN_SETTINGS,
  DOMAIN_SCHEMA_VERSION,
  DomainCommand,
  DomainEvent,
  DomainSettings,
} from './contracts/domain.ts';
export {
  FileEntry,
  FileList,
  FilePath,
  FileRequest,
  FilesWritten,
  LISTED_MAX,
} from './contracts/files.ts';
export { ForecastScore, StartForecast, StartSuggestion } from './contracts/forecast.ts';
export {
  IMAGE_SCHEMA_VERSION,
  ImageCommand,
  ImageEvent,
  ImageFacts,
  ImageReference,
  imageId,
} from './contracts/image.ts';
export {
  BatchSteps,
  CODE_CHARACTERS_MAX,
  CompleteRequest,
  CompleteResult,
  ConsoleItem,
  ExecuteRequest,
  ExecuteResult,
  FLUSH_MS_MAX,
  InterruptRequest,
  InterruptResult,
  RunLanguage,
  RunStatus,
} from './contracts/inside.ts';
export {
  AccessKey,
  DEFAULT_RATE_LIMIT,
  KEYPAIR_SCHEMA_VERSION,
  KeypairChanges,
  KeypairCommand,
  KeypairEvent,
  KeypairGrant,
} from './contracts/keypair.ts';
export {
  HEARTBEAT_PERIOD_MS,
  HEARTBEAT_TIMEOUT_MS,
  Heartbeat,
  keepsSessionsAway,
  NODE_SCHEMA_VERSION,
  NodeCommand,
  NodeEvent,
  NodeFacts,
  NodeName,
  NodeStatus,
  NodeTrouble,
} from './contracts/node.ts';
export {
  FILE_READ_BYTES_MAX,
  FileAnswer,
  FileChange,
  FileFacts,
  FileOperation,
  OPEN_FILES_MAX,
  OpenFilesRequest,
} from './contracts/open-files.ts';
export {
  BUILT_IN_POLICIES,
  DEFAULT_POLICY,
  KeypairPolicy,
  limitsUnder,
  POLICY_SCHEMA_VERSION,
  PolicyCommand,
  PolicyEvent,
  PolicyKind,
  PolicyName,
  ProjectPolicy,
  ResourcePolicy,
  UserPolicy,
} from './contracts/policy.ts';
export { PortNumber, PortRequest } from './contracts/port.ts';
export {
  PRESET_SCHEMA_VERSION,
  PresetCommand,
  PresetEvent,
  PresetName,
  presetId,
  ResourceGroupName,
} from './contracts/preset.ts';
export {
  PROJECT_SCHEMA_VERSION,
  ProjectCommand,
  ProjectEvent,
  ProjectSettings,
  ProjectType,
} from './contracts/project.ts';
export { contracts, isKnownEvent } from './contracts/registry.ts';
export { RegistryAnswer, RegistryQuestion, registryLive } from './contracts/registry-login.ts';
export {
  DEFAULT_FAIR_SHARE,
  DEFAULT_GROUP_POLICY,
  FairShare,
  GroupPolicy,
  HoldReason,
  LimitScope,
  NodeCapacity,
  OwnerLimits,
  QueuedSession,
  SCHEDULER_ID,
  SCHEDULER_SCHEMA_VERSION,
  SchedulerCommand,
  SchedulerEvent,
  SessionDefaults,
  SessionOutcome,
} from './contracts/scheduler.ts';
export {
  type FairShareAnswer,
  OWNERS_LISTED_MAX,
  REPLAY_NODES_MAX,
  REPLAY_POLICIES_MAX,
  type ReplayAnswer,
  type ReplayColumn,
  SchedulingAnswer,
  SchedulingQuestion,
  TRACE_CHUNK_CHARACTERS_MAX,
  TraceChunk,
} from './contracts/scheduling-question.ts';
export {
  Dependency,
  Designation,
  KernelReport,
  KernelRequest,
  KernelStatus,
  KernelStep,
  Placement,
  PlacementGroup,
  PullProgress,
  SESSION_SCHEMA_VERSION,
  SessionCommand,
  SessionEvent,
  SessionOwner,
  SessionRequest,
  SessionStatus,
  SessionType,
} from './contracts/session.ts';
export { kernelStatusOf, sessionStatusOf } from './contracts/session-status.ts';
export { SessionUse, USE_PATHS_MAX, USE_TEXT_CHARACTERS_MAX } from './contracts/session-use.ts';
export { SSH_KEYS_MAX, SshFingerprint, SshKey, SshKeyLabel } from './contracts/ssh-key.ts';
export {
  Metric,
  Metrics,
  StatisticsMessage,
  statisticsLive,
} from './contracts/statistics.ts';
export {
  RecordingName,
  RecordingRequest,
  Recordings,
  TerminalMode,
  TerminalName,
  TerminalRequest,
  TerminalSide,
} from './contracts/terminal.ts';
export {
  DEFAULT_DOMAIN,
  DEFAULT_PROJECT,
  Membership,
  USER_SCHEMA_VERSION,
  UserChanges,
  UserCommand,
  UserDetails,
  UserEvent,
  UserProfile,
  UserRole,
  UserStatus,
} from './contracts/user.ts';
export { openDuplex, type ServeOptions, serveDuplex } from './duplex.ts';
export { type Duplex, FRAME_BYTES_MAX } from './duplex-stream.ts';
export {
  Actor,
  AggregateId,
  AggregateName,
  type CommandEnvelope,
  CommandEnvelopeSchema,
  type Commit,
  CommitSchema,
  type CommittedCommand,
  type Outcome,
  type RecordedCommit,
  type Rejection,
} from './envelope.ts';
export {
  BusRefused,
  BusUnavailable,
  MalformedMessage,
  MessageTooLarge,
  OrreryError,
  Overloaded,
  PeerFailed,
  RevisionConflict,
  SettingsInvalid,
  StreamBroken,
} from './errors.ts';
export { contentId, derivedId, newId } from './ids.ts';
export {
  preferredSharedMemory,
  refusalOfDevices,
  refusalOfKernel,
} from './kernel-rules.ts';
export { createLogger, type Logger } from './logger.ts';
export type { Faults, Hop } from './memory/faults.ts';
export {
  createMemoryBroker,
  createMemoryBus,
  type MemoryBroker,
  type MemoryBusOptions,
} from './memory/memory-bus.ts';
export { SimulatedClock } from './memory/simulated-clock.ts';
export { aggregateOfEvent, readCommit } from './message-codec.ts';
export { connectBus } from './nats/connect.ts';
export { RegistryRefused, RegistryUnavailable } from './oci/errors.ts';
export {
  architectureName,
  canonicalReference,
  type ImageName,
  parseImageName,
} from './oci/image-name.ts';
export { type RegistryAccess, RegistryClient, type RegistryImage } from './oci/registry-client.ts';
export { Overdue } from './overdue.ts';
export { runProgram } from './program.ts';
export { err, known, ok, type Result, unreachable } from './result.ts';
export {
  faultOfPreopenPorts,
  parseServicePorts,
  portOfAppName,
  RUNTIME_PATH_LABEL,
  SERVICE_PORTS_LABEL,
  type ServicePort,
} from './service-ports.ts';
export { listSetAside, replaySetAside } from './set-aside.ts';
export { type ArchiveSettings, parseSettings, readSettings, Settings } from './settings.ts';
export {
  type Amounts,
  addSlots,
  compareAmounts,
  fromAmounts,
  missingSlots,
  parseByteSize,
  Slots,
  subtractSlots,
  toAmounts,
} from './slots.ts';
export { type StatusOptions, type StatusServer, startStatusServer } from './status-server.ts';
export { partitionOf, streams, subjects } from './subjects.ts';
export { currentTraceparent, startTelemetry, withSpan } from './telemetry.ts';
export { readTlsFiles, type TlsFiles } from './tls-files.ts';
