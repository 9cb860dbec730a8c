import type {
  AppAnswer,
  AppList,
  AppReport,
  AppRequest,
  Clock,
  Logger,
  OrreryError,
} from '@orrery/bus';
import { type AppBook, appOfPort, type BookedApp, bookOf, cataloguePrograms } from './app-book.ts';
import { AppRefused } from './errors.ts';
import { type ImageWord, KernelLook } from './image-word.ts';
import { KernelShell, type KernelShellParts, missing } from './kernel-shell.ts';
import { appLaunch, checkOptions, namesBasePath } from './launch.ts';
import { carryOutPrestart } from './prestart.ts';
import { type AppEnd, RunningApp } from './running-app.ts';
import type { TemplateVariables } from './template.ts';

/** How long a port may take to answer after the start (reference: start-service). */
const ANSWER_MS_MAX = 30_000;
const LOOK_PERIOD_MS = 100;
const APPS_MAX = 64;
const COMMAND_NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const DEFAULT_RUNTIME = 'python3';

type StartRequest = Extract<AppRequest, { readonly kind: 'app-start' }>;

export interface KernelAppsParts extends KernelShellParts {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The apps of one kernel: which there are, and those that run. */
export class KernelApps {
  readonly #parts: KernelAppsParts;
  readonly #shell: KernelShell;
  readonly #running = new Map<string, RunningApp>();
  readonly #starting = new Map<string, Promise<AppAnswer>>();
  readonly #ends = new Map<string, AppEnd>();

  constructor(parts: KernelAppsParts) {
    this.#parts = parts;
    this.#shell = new KernelShell(parts);
  }

  get isInUse(): boolean {
    return this.#running.size > 0 || this.#starting.size > 0;
  }

  /** With the port of that number, where it is none of those that are listed. */
  async list(named = ''): Promise<AppList> {
    const { look, word } = await this.#look();
    await using _ = look;
    const { apps, faults } = bookOf(word);
    const listening = await look.listening();
    const port = apps.some((app) => app.name === named) ? undefined : appOfPort(named);
    const all = port === undefined ? apps : [...apps, port];
    return { apps: all.map((app) => this.#report(app, listening)), faults: [...faults] };
  }

  /** One that is there already is left as it is. @throws {AppRefused} */
  async start(request: StartRequest): Promise<AppAnswer> {
    const { app } = request;
    const present = this.#starting.get(app);
    if (present !== undefined) return { ...(await present), hasChanged: false };
    const starting = this.#start(request);
    this.#starting.set(app, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(app);
    }
  }

  /** @throws {AppRefused} `app-unknown` | `app-not-ours` | `app-busy` */
  async stop(name: string): Promise<AppAnswer> {
    const running = this.#running.get(name);
    if (running !== undefined && this.#starting.has(name) && !running.isUp)
      throw new AppRefused('app-busy', `the app ${name} is just being started`);
    await running?.stop();
    const { look, word } = await this.#look();
    await using _ = look;
    const app = this.#find(bookOf(word), name);
    const report = this.#report(app, await look.listening());
    if (running === undefined && report.isAnswering)
      throw new AppRefused(
        'app-not-ours',
        `what listens at the port ${app.ports[0]} was started by a program of the session, which can end it`,
      );
    return { app: report, hasChanged: running !== undefined };
  }

  async #start(request: StartRequest): Promise<AppAnswer> {
    const variables = Object.keys(request.options.environ);
    const { look, word } = await this.#look(variables);
    await using _ = look;
    const app = this.#find(bookOf(word), request.app);
    const listening = await look.listening();
    const isOpened = app.protocol === 'preopen' || app.protocol === 'internal';
    if (isOpened || this.#running.has(app.name))
      return { app: this.#report(app, listening), hasChanged: false };
    const taken = app.ports.find((port) => listening.has(port));
    if (taken !== undefined)
      throw new AppRefused(
        'app-port-taken',
        `the port ${taken} of the app ${app.name} is taken by another program of the session`,
      );
    if (this.#running.size >= APPS_MAX)
      throw new AppRefused('app-busy', `${APPS_MAX} apps of this session run already`);
    const running = await this.#launch(app, { request, word });
    if (running !== undefined) await this.#untilUp(app, { running, look });
    return { app: this.#report(app, await look.listening()), hasChanged: running !== undefined };
  }

  /** Undefined: there is nothing to start. */
  async #launch(
    app: BookedApp,
    { request, word }: { readonly request: StartRequest; readonly word: ImageWord },
  ): Promise<RunningApp | undefined> {
    const { clock, logger } = this.#parts;
    const { definition, name } = app;
    if (definition === undefined) throw undefinedApp(app, bookOf(word));
    const { options, basePath } = request;
    checkOptions(definition, options, word.variables);
    const given: TemplateVariables = {
      ports: app.ports,
      runtime_path: word.runtimePath || DEFAULT_RUNTIME,
      base_path: basePath,
    };
    const parts = { shell: this.#shell, logger, app: name };
    const variables = await carryOutPrestart(parts, definition.prestart, given);
    const launch = appLaunch(definition, options, variables);
    if (launch === undefined) return undefined;
    await this.#mustBeThere(launch.command[0] ?? '');
    const command = ['sh', this.#shell.runnerFile('app.sh'), ...launch.command];
    const process = await this.#shell.begin(command, launch.environ);
    const isAtBasePath = namesBasePath(definition);
    const running = new RunningApp(process, { clock, isAtBasePath });
    this.#running.set(name, running);
    this.#ends.delete(name);
    void running.end.then((end) => {
      if (this.#running.get(name) !== running) return;
      this.#running.delete(name);
      this.#ends.set(name, end);
    });
    return running;
  }

  async #mustBeThere(program: string): Promise<void> {
    const { exitCode } = await this.#shell.run(['sh', '-c', 'command -v "$1"', 'sh', program]);
    if (exitCode !== 0) throw missing(program);
  }

  /** @throws {AppRefused} `app-ended` | `app-port-timeout` | `app-not-executable` */
  async #untilUp(
    app: BookedApp,
    { running, look }: { readonly running: RunningApp; readonly look: KernelLook },
  ): Promise<void> {
    const { clock, signal } = this.#parts;
    const [port = 0] = app.ports;
    const deadlineMs = clock.nowMs() + ANSWER_MS_MAX;
    let end: AppEnd | undefined;
    void running.end.then((ended) => {
      end = ended;
    });
    while (!(await look.listening()).has(port)) {
      if (end !== undefined) throw endedEarly(app.name, end);
      if (clock.nowMs() >= deadlineMs) {
        await running.stop();
        throw new AppRefused(
          'app-port-timeout',
          `the app ${app.name} was started, but nothing answered at its port ${port} for ${ANSWER_MS_MAX / 1000} s; it was ended`,
        );
      }
      await clock.sleep(LOOK_PERIOD_MS, signal);
    }
    running.isUp = true;
  }

  #look(variables: readonly string[] = []) {
    return KernelLook.begin(this.#shell, { programs: cataloguePrograms, variables });
  }

  /** @throws {AppRefused} `app-unknown` */
  #find(book: AppBook, name: string): BookedApp {
    const found = book.apps.find((app) => app.name === name) ?? appOfPort(name);
    if (found !== undefined) return found;
    const names = book.apps.map((app) => app.name).join(', ');
    const faults = book.faults.map((fault) => `; ${fault}`).join('');
    throw new AppRefused(
      'app-unknown',
      `the session has no app ${name}; its apps are ${names}${faults}`,
    );
  }

  #report(app: BookedApp, listening: ReadonlySet<number>): AppReport {
    const { name, protocol, ports, source, definition } = app;
    const running = this.#running.get(name);
    const isAnswering =
      protocol === 'internal' || ports.slice(0, 1).every((port) => listening.has(port));
    const isOpened = protocol === 'preopen' || protocol === 'internal';
    const ofOurs = running === undefined ? 'stopped' : running.isUp ? 'running' : 'starting';
    const ofOthers = isAnswering ? 'running' : 'stopped';
    const lastEnd = this.#ends.get(name);
    return {
      name,
      protocol,
      ports: [...ports],
      source,
      state: isOpened ? ofOthers : ofOurs,
      isAnswering,
      isAtBasePath: running?.isAtBasePath ?? false,
      urlTemplate: definition?.urlTemplate ?? '',
      allowedArguments: [...(definition?.allowedArguments ?? [])],
      allowedEnviron: [...(definition?.allowedEnviron ?? [])],
      ...(lastEnd === undefined ? {} : { lastEnd }),
    };
  }
}

function undefinedApp({ name }: BookedApp, { faults }: AppBook): OrreryError {
  const own = faults.filter((fault) => fault.includes(`${name}.json`));
  if (own.length > 0) return new AppRefused('app-definition-invalid', own.join('; '));
  return new AppRefused(
    'app-definition-invalid',
    `the image does not say how its app ${name} is started: it has no service definition ${name}.json`,
  );
}

function endedEarly(name: string, { exitCode, said }: AppEnd): AppRefused {
  if (exitCode === NOT_EXECUTABLE || exitCode === COMMAND_NOT_FOUND)
    return new AppRefused('app-not-executable', `the app ${name} cannot be run: ${said.trim()}`);
  const how = exitCode === null ? '' : ` with exit code ${exitCode}`;
  const last =
    said.trim() === '' ? 'it said nothing' : `it said last: ${said.trim().slice(-1_000)}`;
  return new AppRefused(
    'app-ended',
    `the app ${name} ended${how} before its port answered; ${last}`,
  );
}
