import { createServer } from 'node:http';
import { readSettings } from '@orrery/bus';

/** Stands in for any process of ours: says it is ready, answers as the gateway, ends on SIGTERM. */
const name = process.argv[1]?.match(/(\w+)\.ts$/)?.[1];
const [, file = ''] = process.argv.slice(2);
const { gateway } = readSettings(file);
const server = createServer((_request, response) => response.end());
server.listen(name === 'gateway' ? gateway.port : 0, '127.0.0.1', () => {
  process.stdout.write('ready\n');
});
process.once('SIGTERM', () => process.exit(0));
