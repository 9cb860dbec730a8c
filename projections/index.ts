export type { ClusterMoment, NodeThen } from './cluster-fold.ts';
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
  SessionWithKernels,
  Visibility,
} from './projections.ts';
export type { Held, Owner } from './queries/limits.ts';
export type { ListedGroup, NodeRoom } from './queries/resource-groups.ts';
export { ProjectionReport, type ProjectorAnswer, requestReport } from './report.ts';
export type {
  AuditRow,
  ImageRow,
  KernelRow,
  KeypairRow,
  LimitsRow,
  NodeRow,
  PresetRow,
  QueueRow,
  SessionRow,
  UserRow,
} from './rows.ts';
export { foldSession } from './session-fold.ts';
