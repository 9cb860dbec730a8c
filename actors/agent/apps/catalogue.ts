import type { AppProtocol } from '@orrery/bus';
import type { ServiceDefinition } from './service-definition.ts';

/** An app that every image has whose programs are in it; an image's own definition goes before. */
export interface CatalogueApp {
  readonly name: string;
  readonly protocol: AppProtocol;
  readonly port: number;
  /** Its program, without which it is not listed. */
  readonly program: string;
  readonly definition: ServiceDefinition;
}

const plain = {
  shell: 'sh',
  isNoop: false,
  urlTemplate: '',
  prestart: [],
  environ: {},
  allowedEnviron: [],
  allowedArguments: [],
  defaultArguments: {},
} as const;

/**
 * For both families of Jupyter's servers: each reads what is of its own. They ask nobody who they are: that the gateway
 * has done, and on loopback nobody else comes, not even other containers.
 */
const JUPYTER_CONFIG = [
  'c = get_config()',
  'for server in (c.NotebookApp, c.ServerApp):',
  '    server.ip = "127.0.0.1"',
  '    server.port = {ports[0]}',
  '    server.port_retries = 0',
  '    server.base_url = "{base_path}"',
  '    server.token = ""',
  '    server.password = ""',
  '    server.open_browser = False',
  '    server.allow_root = True',
  '    server.allow_remote_access = True',
  '    server.quit_button = False',
  '    server.tornado_settings = dict(ws_ping_interval=10000)',
  'c.FileContentsManager.delete_to_trash = False',
  '',
].map((line) => `${line}\n`);

function jupyter(name: string, program: string, port: number): CatalogueApp {
  return {
    name,
    protocol: 'http',
    port,
    program,
    definition: {
      ...plain,
      prestart: [
        { action: 'write_tempfile', args: { body: JUPYTER_CONFIG, mode: '644' }, ref: 'config' },
      ],
      command: [program, '--config', '{config}'],
    },
  };
}

/** Ports as Backend.AI's images have them. */
export const catalogue: readonly CatalogueApp[] = [
  jupyter('jupyter', 'jupyter-notebook', 8_080),
  jupyter('jupyterlab', 'jupyter-lab', 8_090),
  {
    name: 'vscode',
    protocol: 'http',
    port: 8_180,
    program: 'code-server',
    definition: {
      ...plain,
      command: [
        'code-server',
        '--auth',
        'none',
        '--bind-addr',
        '127.0.0.1:{ports[0]}',
        '--disable-telemetry',
        '--disable-update-check',
        '.',
      ],
    },
  },
  {
    name: 'tensorboard',
    protocol: 'http',
    port: 6_006,
    program: 'tensorboard',
    definition: {
      ...plain,
      command: ['tensorboard', '--host', '127.0.0.1', '--port', '{ports[0]}'],
      defaultArguments: { '--logdir': 'logs' },
      allowedArguments: ['--logdir'],
    },
  },
];

/** What the gateway itself serves; there is nothing to start. */
export const ownApps: readonly { readonly name: string; readonly port: number }[] = [
  { name: 'terminal', port: 7_681 },
  { name: 'sshd', port: 2_200 },
];
