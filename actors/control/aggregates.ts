import { archiveAggregate } from '../archive/aggregate.ts';
import { domainAggregate } from '../domain/aggregate.ts';
import { imageAggregate } from '../image/aggregate.ts';
import { keypairAggregate } from '../keypair/aggregate.ts';
import { nodeAggregate } from '../node/aggregate.ts';
import { policyAggregate } from '../policy/aggregate.ts';
import { presetAggregate } from '../preset/aggregate.ts';
import { projectAggregate } from '../project/aggregate.ts';
import { registryAggregate } from '../registry/aggregate.ts';
import type { AnyAggregate } from '../runtime/aggregate.ts';
import { schedulerAggregate } from '../scheduler/aggregate.ts';
import { sessionAggregate } from '../session/aggregate.ts';
import { userAggregate } from '../user/aggregate.ts';

/** Everything that the control plane runs. A new aggregate is added here. */
export const aggregates: readonly AnyAggregate[] = [
  sessionAggregate,
  schedulerAggregate,
  nodeAggregate,
  imageAggregate,
  userAggregate,
  keypairAggregate,
  archiveAggregate,
  presetAggregate,
  registryAggregate,
  domainAggregate,
  projectAggregate,
  policyAggregate,
];
