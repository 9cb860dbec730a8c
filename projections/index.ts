export type { ClusterMoment, NodeThen } from './cluster-fold.ts';
export type { DirectoryProjections } from './directory-projections.ts';
export { ProjectionsRefused, ProjectionsUnavailable } from './errors.ts';
export { openProjections } from './open-projections.ts';
export type {
  AgentRow,
  AuditListing,
  AuditRange,
  ClusterTotals,
  DeviceHolder,
  Page,
  Paged,
  PageRequest,
  Projections,
  SessionFilter,
  SessionListing,
  SessionOrder,
  SessionOwner,
  SessionWithKernels,
} from './projections.ts';
export {
  HeldTimeDimension,
  type HeldTimeRequest,
  type HeldTimeRow,
  REPORT_DAYS_MAX,
} from './queries/held-time.ts';
export type { Held, Owner } from './queries/limits.ts';
export { type QuotaListing, type QuotaRow, QuotaScope } from './queries/quotas.ts';
export type { GroupRules, ListedGroup, NodeRoom } from './queries/resource-groups.ts';
export { SERIES_POINTS_MAX, type SeriesPoint, type SeriesRange } from './queries/statistics.ts';
export { ProjectionReport, type ProjectorAnswer, requestReport } from './report.ts';
export type {
  AuditRow,
  DomainRow,
  ImageRow,
  KernelRow,
  KernelSeen,
  KeypairRow,
  LimitsRow,
  NodeRow,
  PolicyRow,
  PresetRow,
  ProjectRow,
  QueueRow,
  RegistryRow,
  SessionRow,
  SshKeyRow,
  UserRow,
} from './rows.ts';
export { foldSession } from './session-fold.ts';
export { subjectOf } from './statistics/gathered.ts';
export { isVisible, type Visibility } from './visibility.ts';
