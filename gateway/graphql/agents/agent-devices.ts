import { addSlots } from '@orrery/bus';
import type { AgentRow, DeviceHolder } from '@orrery/projections';

/** The GraphQL type AgentDevice, for each device of an agent. `holders` may be of other agents too. */
export function shapeDevices(
  { id: agentId, devices }: Pick<AgentRow, 'id' | 'devices'>,
  holders: readonly DeviceHolder[],
): readonly object[] {
  const own = holders.filter((holder) => holder.agentId === agentId);
  return devices.map((device) => {
    const held = own.flatMap((holder) =>
      holder.devices
        .filter(({ id, slot }) => id === device.id && slot === device.slot)
        .map(({ amount }) => ({ holder, amount })),
    );
    const { used = '0' } = held.reduce(
      (sum, { amount }) => addSlots(sum, { used: amount }),
      {} as Readonly<Record<string, string>>,
    );
    return {
      ...device,
      isolation: device.isolation.toUpperCase().replaceAll('-', '_'),
      used,
      holders: held
        .filter(({ holder }) => holder.isVisible)
        .map(({ holder: { sessionId, sessionName, kernelId }, amount }) => {
          return { sessionId, sessionName, kernelId, amount };
        }),
    };
  });
}
