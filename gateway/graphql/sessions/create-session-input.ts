import { z } from 'zod';

/** As GraphQL gives it: types are checked already, rules are not. */
export const CreateSessionArguments = z.strictObject({
  input: z.strictObject({
    name: z.string().optional(),
    type: z.enum(['INTERACTIVE', 'BATCH']),
    image: z.string().optional(),
    command: z.array(z.string()).optional(),
    cpu: z.string(),
    memory: z.string(),
    slots: z.record(z.string(), z.string()).optional(),
    sharedMemory: z.string().optional(),
    clusterSize: z.number().optional(),
    clusterMode: z.enum(['SINGLE_NODE', 'MULTI_NODE']).optional(),
    environ: z.unknown().optional(),
    resourceGroup: z.string().optional(),
    projectId: z.string().optional(),
    domain: z.string().optional(),
    priority: z.number().optional(),
    tag: z.string().optional(),
    architecture: z.string().optional(),
    batchTimeoutSeconds: z.number().optional(),
    startsAt: z.number().optional(),
    dependsOn: z.array(z.string()).optional(),
    designatedAgents: z.array(z.string()).optional(),
    isDesignationStrict: z.boolean().optional(),
    placementGroup: z
      .strictObject({
        name: z.string(),
        direction: z.enum(['SPREAD', 'PACK']),
        isStrict: z.boolean(),
      })
      .optional(),
    jobPriority: z.number().optional(),
    isPreemptible: z.boolean().optional(),
    maxRetryCount: z.number().optional(),
    allowFractionalResourceFragmentation: z.boolean().optional(),
    preopenPorts: z.array(z.number()).optional(),
    idempotencyKey: z.string().optional(),
  }),
});
/** As it was asked for. */
export type AskedSession = Readonly<z.infer<typeof CreateSessionArguments>['input']>;
/** With what its resource group says of sessions that say nothing. */
export type CreateSessionInput = AskedSession & {
  readonly resourceGroup: string;
  readonly priority: number;
};
