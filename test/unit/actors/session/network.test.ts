import type { ClusterNetwork, NetworkReport, SessionCommand } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Outgoing } from '../../../../actors/runtime/aggregate.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import {
  enqueue,
  exited,
  kernelOf,
  mainKernel,
  place,
  report,
  running,
  sessionAfter,
  sessionId,
  subKernel,
  terminate,
} from './session-under-test.ts';

const both = [mainKernel, subKernel];
const kernels = [kernelOf(mainKernel, 'main'), kernelOf(subKernel, 'sub')];
const NAME = `bai-multinode-${sessionId}`;
const overlay: ClusterNetwork = { driver: 'overlay', node: 'node-m' };

function placed(network: ClusterNetwork | undefined): readonly SessionCommand[] {
  const placing = { ...place(1, both), ...(network === undefined ? {} : { network }) };
  return [enqueue({ kernels, clusterMode: 'multi-node' }), placing as SessionCommand];
}

function told(state: NetworkReport, name = NAME, node = 'node-m'): SessionCommand {
  return { type: 'report-network', node, name, report: state };
}

const allPrepared = both.map((kernel) =>
  report({ state: 'prepared', endpoint: { sshPublicKey: `key of ${kernel}` } }, kernel),
);
const failed = (isRetryable: boolean): NetworkReport => ({
  state: 'failed',
  code: 'network-failed',
  message: 'no room for another network',
  isRetryable,
});

/** What was said to nodes, turn by turn. */
function outgoing(...commands: readonly SessionCommand[]): readonly Outgoing[] {
  let said = 0;
  return commands.flatMap((_, turn) => {
    const { state, effects, events } = sessionAfter(...commands.slice(0, turn + 1));
    const at = { id: sessionId, revision: events.length };
    const fresh = effects.slice(said);
    said = effects.length;
    return fresh.flatMap((effect) => sessionAggregate.messages(effect, state, at));
  });
}

function networkWishes(...commands: readonly SessionCommand[]): readonly string[] {
  return outgoing(...commands).flatMap((message) =>
    message.to === 'agent' && 'network' in message.wish
      ? [`${message.node} ${message.wish.shall} ${message.wish.network.name}`]
      : [],
  );
}

const networks = suite('session: the network of its kernels');

networks('the chosen node is told to have the network while images are prepared', () => {
  assert.equal(networkWishes(...placed(overlay)), [`node-m have-network ${NAME}`]);
});

networks('kernels start when every image and the network are there, in any order', () => {
  const [commands, ready] = [placed(overlay), told({ state: 'ready' })];
  assert.is(sessionAfter(...commands, ...allPrepared).state.value, 'preparing');
  assert.is(sessionAfter(...commands, ready).state.value, 'preparing');
  assert.is(sessionAfter(...commands, ...allPrepared, ready).state.value, 'creating');
  assert.is(sessionAfter(...commands, ready, ...allPrepared).state.value, 'creating');
});

networks('each kernel is told the network, the names and the public keys of all', () => {
  const wishes = outgoing(...placed(overlay), told({ state: 'ready' }), ...allPrepared);
  const specs = wishes.flatMap((message) =>
    message.to === 'agent' && message.wish.shall === 'run' ? [message.wish.spec] : [],
  );
  assert.is(specs.length, 2);
  for (const { network, peers } of specs) {
    assert.equal(network, { driver: 'overlay', name: NAME });
    assert.equal(peers, [
      { hostname: 'main1', sshPublicKey: `key of ${mainKernel}` },
      { hostname: 'sub1', sshPublicKey: `key of ${subKernel}` },
    ]);
  }
});

networks('in the network of the machines nothing is made and nothing waited for', () => {
  const commands = [...placed({ driver: 'host' }), ...allPrepared];
  assert.is(sessionAfter(...commands).state.value, 'creating');
  assert.equal(networkWishes(...commands), []);
});

networks('the network is dropped when every kernel is over, not before', () => {
  const alive = [
    ...placed(overlay),
    told({ state: 'ready' }),
    ...allPrepared,
    ...both.map((kernel) => report(running, kernel)),
    terminate(),
    report(exited(0), mainKernel),
  ];
  assert.equal(networkWishes(...alive), [`node-m have-network ${NAME}`]);
  assert.equal(networkWishes(...alive, report(exited(0), subKernel)), [
    `node-m have-network ${NAME}`,
    `node-m drop-network ${NAME}`,
  ]);
});

networks('one that could not be made for now has the session wait again, and is dropped', () => {
  const commands = [...placed(overlay), ...allPrepared, told(failed(true))];
  const { state } = sessionAfter(...commands);
  assert.is(state.value, 'pending');
  assert.is(state.context.network, undefined);
  assert.is(networkWishes(...commands).at(-1), `node-m drop-network ${NAME}`);
  const again = { ...place(2, both), network: overlay } as SessionCommand;
  assert.is(networkWishes(...commands, again).at(-1), `node-m have-network ${NAME}-2`);
});

networks('one that can never be made fails the session with the reason', () => {
  const { state } = sessionAfter(...placed(overlay), told(failed(false)));
  assert.is(state.value, 'failed');
  assert.is(state.context.failure?.reason, 'network-failed');
  const message = 'the agents a, b have no network in common';
  const nowhere = sessionAfter(...placed({ driver: 'impossible', message }));
  assert.is(nowhere.state.value, 'failed');
  assert.equal(nowhere.state.context.failure, { reason: 'network-impossible', message });
});

networks('a node that still has a network which nobody wants is told to drop it', () => {
  const over = [...placed(overlay), told(failed(false))];
  const found = told({ state: 'found' });
  assert.is(networkWishes(...over, found).at(-1), `node-m drop-network ${NAME}`);
  const late = told({ state: 'ready' }, `${NAME}-2`, 'node-b');
  assert.is(networkWishes(...placed(overlay), late).at(-1), `node-b drop-network ${NAME}-2`);
  assert.equal(networkWishes(...placed(overlay), found), [`node-m have-network ${NAME}`]);
});

networks('the node is asked for the network again as long as nothing is known of it', () => {
  const { state, events } = sessionAfter(...placed(overlay), ...allPrepared);
  const at = { id: sessionId, revision: events.length };
  const messages = sessionAggregate
    .reconcile(state)
    .flatMap((effect) => sessionAggregate.messages(effect, state, at));
  assert.ok(
    messages.some(({ to, ...rest }) => to === 'agent' && 'node' in rest && rest.node === 'node-m'),
  );
});

networks.run();
