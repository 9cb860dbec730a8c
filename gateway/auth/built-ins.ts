import {
  type AggregateName,
  BUILT_IN_POLICIES,
  DEFAULT_DOMAIN,
  DEFAULT_DOMAIN_SETTINGS,
  DEFAULT_POLICY,
  DEFAULT_PROJECT,
  type DomainCommand,
  directoryId,
  type PolicyCommand,
  type ProjectCommand,
} from '@orrery/bus';

/** What every cluster begins with: a domain, a project in it, and a policy of each kind. */
export function builtIns(): readonly {
  readonly aggregate: AggregateName;
  readonly aggregateId: string;
  readonly command: DomainCommand | ProjectCommand | PolicyCommand;
}[] {
  const domain: DomainCommand = {
    type: 'create',
    name: DEFAULT_DOMAIN,
    settings: DEFAULT_DOMAIN_SETTINGS,
  };
  const project: ProjectCommand = {
    type: 'create',
    domain: DEFAULT_DOMAIN,
    projectType: 'general',
    settings: {
      name: DEFAULT_PROJECT,
      description: '',
      isActive: true,
      totalResourceSlots: {},
      allowedVfolderHosts: {},
      integrationId: '',
      resourcePolicy: DEFAULT_POLICY,
      containerRegistry: null,
    },
  };
  const policies = BUILT_IN_POLICIES.map((policy) => ({
    aggregate: 'policy' as const,
    aggregateId: directoryId('policy', policy.kind, DEFAULT_POLICY),
    command: { type: 'create' as const, name: DEFAULT_POLICY, policy },
  }));
  return [
    ...policies,
    {
      aggregate: 'domain',
      aggregateId: directoryId('domain', DEFAULT_DOMAIN),
      command: domain,
    },
    { aggregate: 'project', aggregateId: DEFAULT_PROJECT, command: project },
  ];
}
