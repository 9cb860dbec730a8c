import {
  directoryId,
  SSH_KEYS_MAX,
  type SshKey,
  type UserCommand,
  type UserEvent,
  type UserProfile,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { userAggregate } from '../../../../actors/user/aggregate.ts';
import { KEYS_MAX } from '../../../../actors/user/decide.ts';
import { DEFAULT_DETAILS } from '../../../../actors/user/machine.ts';
import { decided, told } from './directory-under-test.ts';

const ID = '0190b0c8-0000-7000-8000-000000000002';
const profile: UserProfile = {
  email: 'ada@example.test',
  username: 'ada',
  role: 'user',
  domain: 'default',
  projectId: 'optics',
};
const keyOf = (index: number) => ({
  accessKey: `AKIA${String(index).padStart(16, '0')}`,
  sealedSecret: 'sealed',
  isAdmin: false,
  rateLimit: 10,
});
const registered: UserEvent = {
  type: 'user-registered',
  user: ID,
  profile,
  passwordHash: 'hash',
  details: DEFAULT_DETAILS,
};
const issued = (index: number): UserEvent => ({ type: 'user-key-issued', ...keyOf(index) });
const joined: UserEvent = {
  type: 'user-projects-set',
  projects: [{ projectId: 'optics', role: 'member' }],
};
const after = (events: readonly UserEvent[], command: UserCommand) =>
  decided(userAggregate, events, command, ID);
const modify = (parts: Omit<Extract<UserCommand, { type: 'modify' }>, 'type'>): UserCommand => ({
  type: 'modify',
  ...parts,
});

const user = suite('user: what is decided');

user('is registered with projects and a first key pair in one commit', () => {
  const projects = [{ projectId: 'optics', role: 'member' as const }];
  const register = { type: 'register', profile, passwordHash: 'hash', details: DEFAULT_DETAILS };
  const events = after([], { ...register, projects, key: keyOf(1) } as UserCommand);
  assert.equal(
    events.map((event) => (typeof event === 'object' ? event.type : event)),
    ['user-registered', 'user-projects-set', 'user-key-issued'],
  );
});

user(
  'registered again alike changes nothing; another is refused, and a purged one for ever',
  () => {
    const again: UserCommand = { type: 'register', profile, passwordHash: 'another' };
    assert.equal(after([registered], again), []);
    const other: UserCommand = { ...again, profile: { ...profile, role: 'admin' } };
    assert.equal(after([registered], other), ['user-exists', 'email']);
    assert.equal(after([registered, { type: 'user-purged' }], again), ['user-purged', 'email']);
  },
);

user('a change of everything is one commit, and only of what is different', () => {
  const events = after(
    [registered, joined],
    modify({
      changes: { username: 'ada', fullName: 'Ada', domain: 'physics' },
      passwordHash: 'new',
      status: 'inactive',
    }),
  );
  assert.equal(events, [
    { type: 'user-changed', changes: { fullName: 'Ada', domain: 'physics' } },
    { type: 'user-password-changed', passwordHash: 'new' },
    { type: 'user-status-set', status: 'inactive', statusInfo: 'admin-requested' },
    { type: 'user-projects-set', projects: [] },
  ]);
});

user('the main access key is an own one, and is not withdrawn', () => {
  const events = [registered, issued(1), issued(2)];
  const { accessKey: main } = keyOf(1);
  const { accessKey: second } = keyOf(2);
  assert.equal(after(events, { type: 'withdraw-key', accessKey: main }), [
    'keypair-is-main',
    'accessKey',
  ]);
  const foreign = modify({ changes: { mainAccessKey: keyOf(3).accessKey } });
  assert.equal(after(events, foreign), ['main-access-key-invalid', 'mainAccessKey']);
  const changed: UserEvent = { type: 'user-changed', changes: { mainAccessKey: second } };
  assert.equal(after([...events, changed], { type: 'withdraw-key', accessKey: main }), [
    { type: 'user-key-withdrawn', accessKey: main },
  ]);
});

user('has a limited number of key pairs, and none once deleted', () => {
  const many = [registered, ...Array.from({ length: KEYS_MAX }, (_, index) => issued(index))];
  const one: UserCommand = { type: 'issue-key', key: keyOf(KEYS_MAX) };
  assert.equal(after(many, one), ['keypairs-too-many', 'user']);
  assert.equal(after(many, { type: 'issue-key', key: keyOf(0) }), []);
  const deleted: UserEvent = { type: 'user-status-set', status: 'deleted', statusInfo: '' };
  assert.equal(after([registered, deleted], one), ['user-inactive', 'user']);
});

user('joins a project once, as one kind of member', () => {
  const join: UserCommand = { type: 'join-project', projectId: 'optics', role: 'member' };
  assert.equal(after([registered, joined], join), []);
  assert.equal(after([registered, joined], { ...join, role: 'admin' }), [
    { type: 'user-projects-set', projects: [{ projectId: 'optics', role: 'admin' }] },
  ]);
  assert.equal(after([registered, joined], { type: 'leave-project', projectId: 'optics' }), [
    { type: 'user-projects-set', projects: [] },
  ]);
});

user('what a deleted or purged user has is told to every key pair', () => {
  const commandsAfter = (event: UserEvent) =>
    told(userAggregate, [registered, issued(1), issued(2), event], ID)
      .filter(({ aggregate }) => aggregate === 'keypair')
      .map(({ id, command }) => [id, command.type]);
  const each = (type: string) => [1, 2].map((index) => [keyOf(index).accessKey, type]);
  const status = (word: 'deleted' | 'inactive'): UserEvent => ({
    type: 'user-status-set',
    status: word,
    statusInfo: '',
  });
  assert.equal(commandsAfter(status('deleted')), each('deactivate'));
  assert.equal(commandsAfter(status('inactive')), []);
  assert.equal(commandsAfter({ type: 'user-purged' }), each('delete'));
  assert.equal(
    commandsAfter({ type: 'user-changed', changes: { role: 'admin' } }),
    each('follow-role'),
  );
});

user('policies are told for whom they count, before and after a change', () => {
  const changed: UserEvent = { type: 'user-changed', changes: { resourcePolicy: 'big' } };
  const policyOf = (name: string): string => directoryId('policy', 'user', name);
  const messages = told(userAggregate, [registered, changed], ID);
  assert.equal(
    messages.map(({ id, command }) => [id, command.type]),
    [
      [policyOf('default'), 'unbind'],
      [policyOf('big'), 'bind'],
    ],
  );
});

const sshKey = (index: number, label = `key ${index}`): SshKey => ({
  fingerprint: `SHA256:${String(index).padStart(43, 'A')}`,
  algorithm: 'ssh-ed25519',
  publicKey: 'AAAA',
  label,
});
const added = (index: number): UserEvent => ({ type: 'user-ssh-key-added', key: sshKey(index) });

user('an SSH key is added once, called otherwise, and removed', () => {
  const add: UserCommand = { type: 'add-ssh-key', key: sshKey(1) };
  assert.equal(after([registered], add), [added(1)]);
  assert.equal(after([registered, added(1)], add), [], 'again alike changes nothing');
  const other: UserCommand = { type: 'add-ssh-key', key: sshKey(1, 'other') };
  assert.equal(after([registered, added(1)], other), ['ssh-key-exists', 'publicKey']);
  const { fingerprint } = sshKey(1);
  const label: UserCommand = { type: 'label-ssh-key', fingerprint, label: 'laptop' };
  const labelled: UserEvent = { type: 'user-ssh-key-labelled', fingerprint, label: 'laptop' };
  assert.equal(after([registered, added(1)], label), [labelled]);
  assert.equal(after([registered, added(1), labelled], label), []);
  assert.equal(after([registered], label), ['ssh-key-unknown', 'fingerprint']);
  const remove: UserCommand = { type: 'remove-ssh-key', fingerprint };
  const removed: UserEvent = { type: 'user-ssh-key-removed', fingerprint };
  assert.equal(after([registered, added(1)], remove), [removed]);
  assert.equal(after([registered, added(1), removed], remove), []);
  assert.equal(after([registered, added(1), removed], add), [added(1)], 'it may come back');
});

user('has a limited number of SSH keys, and gets none once deleted', () => {
  const many = [registered, ...Array.from({ length: SSH_KEYS_MAX }, (_, index) => added(index))];
  const add: UserCommand = { type: 'add-ssh-key', key: sshKey(SSH_KEYS_MAX) };
  assert.equal(after(many, add), ['ssh-keys-too-many', 'publicKey']);
  const gone: UserEvent = { type: 'user-status-set', status: 'deleted', statusInfo: 'gone' };
  assert.equal(after([registered, gone], add), ['user-inactive', 'user']);
});

user.run();
