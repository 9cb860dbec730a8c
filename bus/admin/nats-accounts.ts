import { permissionsOf, type Role } from '../nats/permissions.ts';

/** A client of the bus with the public half of its key. */
export interface BusUser {
  readonly publicKey: string;
  readonly role: Role;
}

/** Text of the accounts of a nats-server: one for Orrery with a key for each client, one for the server itself. */
export function accountsText(users: readonly BusUser[]): string {
  return [
    '# Written by `orrery admin nats-config`; include it in the configuration of every server.',
    'accounts {',
    '  ORRERY {',
    '    jetstream: enabled',
    '    users: [',
    ...users.flatMap(userLines),
    '    ]',
    '  }',
    '  SYS {}',
    '}',
    'system_account: SYS',
    '',
  ].join('\n');
}

function userLines({ publicKey, role }: BusUser): readonly string[] {
  const { publish, subscribe, mayRespond } = permissionsOf(role);
  return [
    `      # ${role.kind === 'agent' ? `${role.name}: ${role.nodes.join(', ')}` : role.kind}`,
    `      { nkey: ${publicKey}, permissions: {`,
    `          publish: { allow: ${JSON.stringify(publish)} }`,
    `          subscribe: { allow: ${JSON.stringify(subscribe)} }`,
    ...(mayRespond ? ['          allow_responses: true'] : []),
    '      } }',
  ];
}
