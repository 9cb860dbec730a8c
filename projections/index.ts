export type { ClusterMoment, NodeThen } from './cluster-fold.ts';
export { ProjectionsUnavailable } from './errors.ts';
export { openProjections } from './open-projections.ts';
export type {
  AgentRow,
  AuditListing,
  AuditRange,
  ClusterTotals,
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
export { ProjectionReport, type ProjectorAnswer, requestReport } from './report.ts';
export type {
  AuditRow,
  ImageRow,
  KernelRow,
  KeypairRow,
  NodeRow,
  SessionRow,
  UserRow,
} from './rows.ts';
export { foldSession } from './session-fold.ts';
