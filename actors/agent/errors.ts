import { type KernelStep, OrreryError } from '@orrery/bus';
import type { AllocationRefusal } from './compute/device-map.ts';

interface Cause {
  readonly cause?: unknown;
}

/** A kernel could not be started; `step` says how far it came. */
export abstract class ContainerFailure extends OrreryError {
  abstract readonly step: KernelStep;
}

export class ImageNotFound extends ContainerFailure {
  override readonly name = 'ImageNotFound';
  readonly code = 'image-not-found';
  readonly isRetryable = false;
  readonly step = 'pull';

  /** `cause`: what its registry said, in its own words. */
  constructor(reference: string, options?: Cause) {
    const words = options?.cause instanceof Error ? `: ${options.cause.message}` : '';
    super(`there is no image ${reference}, neither here nor in its registry${words}`, options);
  }
}

/** The registry does not give it to us: the login is missing or wrong. */
export class ImagePullRefused extends ContainerFailure {
  override readonly name = 'ImagePullRefused';
  readonly code = 'image-pull-refused';
  readonly isRetryable = false;
  readonly step = 'pull';

  constructor(reference: string, why: string, options?: Cause) {
    super(`the image ${reference} is not given to this node: ${why}`, options);
  }
}

/** It is not here, and this node gets none. */
export class ImageNotHere extends ContainerFailure {
  override readonly name = 'ImageNotHere';
  readonly code = 'image-not-here';
  readonly isRetryable = true;
  readonly step = 'pull';

  constructor(reference: string) {
    super(`the image ${reference} is not on this node, whose policy is to pull none`);
  }
}

export class ImagePullFailed extends ContainerFailure {
  override readonly name = 'ImagePullFailed';
  readonly code = 'image-pull-failed';
  readonly isRetryable = true;
  readonly step = 'pull';

  constructor(reference: string, why: string, options?: Cause) {
    super(`the image ${reference} could not be pulled: ${why}`, options);
  }
}

export class ImageArchitectureMismatch extends ContainerFailure {
  override readonly name = 'ImageArchitectureMismatch';
  readonly code = 'image-architecture-mismatch';
  readonly isRetryable = false;
  readonly step = 'prepare';

  constructor(reference: string, image: string, node: string) {
    super(`the image ${reference} is made for ${image}, and this node is ${node}`);
  }
}

export class ScratchUnavailable extends ContainerFailure {
  override readonly name = 'ScratchUnavailable';
  readonly code = 'scratch-unavailable';
  readonly isRetryable = true;
  readonly step = 'prepare';

  constructor(path: string, options: Cause) {
    super(`the scratch space ${path} could not be made`, options);
  }
}

export class DiskFull extends ContainerFailure {
  override readonly name = 'DiskFull';
  readonly code = 'disk-full';
  readonly isRetryable = true;
  readonly step: KernelStep;

  constructor(step: KernelStep, options?: Cause & { readonly why?: string }) {
    super(options?.why ?? 'the disk of this node is full', options);
    this.step = step;
  }
}

export class LimitRefused extends ContainerFailure {
  override readonly name = 'LimitRefused';
  readonly code = 'limit-refused';
  readonly isRetryable = false;
  readonly step = 'create';

  constructor(why: string, options?: Cause) {
    super(`the engine refuses the limits of this kernel: ${why}`, options);
  }
}

/** The devices that a kernel asks for cannot be given; where only others hold them, another node may have some. */
export class DevicesRefused extends ContainerFailure {
  override readonly name = 'DevicesRefused';
  readonly code: string;
  readonly isRetryable: boolean;
  readonly step = 'create';

  constructor({ code, message }: AllocationRefusal) {
    super(message);
    this.isRetryable =
      code === 'insufficient-resource' || code === 'fractional-resource-fragmented';
    this.code = this.isRetryable ? 'node-full' : code;
  }
}

export class ContainerCreateFailed extends ContainerFailure {
  override readonly name = 'ContainerCreateFailed';
  readonly code = 'container-create-failed';
  readonly isRetryable = true;
  readonly step = 'create';

  constructor(why: string, options?: Cause) {
    super(`the container could not be created: ${why}`, options);
  }
}

export class CommandNotFound extends ContainerFailure {
  override readonly name = 'CommandNotFound';
  readonly code = 'command-not-found';
  readonly isRetryable = false;
  readonly step = 'start';

  constructor(program: string, why: string, options?: Cause) {
    super(`the program ${JSON.stringify(program)} could not be started: ${why}`, options);
  }
}

export class ContainerStartFailed extends ContainerFailure {
  override readonly name = 'ContainerStartFailed';
  readonly code = 'container-start-failed';
  readonly isRetryable = true;
  readonly step = 'start';

  constructor(why: string, options?: Cause) {
    super(`the container could not be started: ${why}`, options);
  }
}

/** A container of this kernel was on its way out, or another installation's is in its place. */
export class ContainerNameTaken extends ContainerFailure {
  override readonly name = 'ContainerNameTaken';
  readonly code = 'container-name-taken';
  readonly isRetryable = false;
  readonly step = 'create';

  constructor(containerName: string) {
    super(`a container named ${containerName} is there and is not of this node`);
  }
}

export class NetworkFailed extends OrreryError {
  override readonly name = 'NetworkFailed';
  readonly code = 'network-failed';
  readonly isRetryable = true;

  constructor(network: string, why: string, options?: Cause) {
    super(`the network ${network} could not be made: ${why}`, options);
  }
}

export class EngineUnavailable extends OrreryError {
  override readonly name = 'EngineUnavailable';
  readonly code = 'engine-unavailable';
  readonly isRetryable = true;

  constructor(doing: string, options?: Cause) {
    super(`the container engine did not answer while ${doing}`, options);
  }
}

export class EngineRefused extends OrreryError {
  override readonly name = 'EngineRefused';
  readonly code = 'engine-refused';
  readonly isRetryable = false;
  /** HTTP status of the engine's answer. */
  readonly status: number;
  readonly why: string;

  constructor(
    doing: string,
    answer: { readonly status: number; readonly why: string },
    options?: Cause,
  ) {
    super(`the container engine refused ${doing}: ${answer.why}`, options);
    this.status = answer.status;
    this.why = answer.why;
  }
}

export class ContainerWillNotStop extends OrreryError {
  override readonly name = 'ContainerWillNotStop';
  readonly code = 'container-will-not-stop';
  readonly isRetryable = true;

  constructor(kernel: string, waitedMs: number) {
    super(`the container of kernel ${kernel} still runs ${waitedMs} ms after it was killed`);
  }
}

export class KernelNotFound extends OrreryError {
  override readonly name = 'KernelNotFound';
  readonly code = 'kernel-not-found';
  readonly isRetryable = false;

  constructor(kernel: string, options?: Cause) {
    super(`this node has nothing of kernel ${kernel}`, options);
  }
}

export class KernelNotRunning extends OrreryError {
  override readonly name = 'KernelNotRunning';
  readonly code = 'kernel-not-running';
  readonly isRetryable = false;

  constructor(kernel: string) {
    super(`kernel ${kernel} does not run`);
  }
}

export class ExecFailed extends OrreryError {
  override readonly name = 'ExecFailed';
  readonly code = 'exec-failed';
  readonly isRetryable = false;

  constructor(why: string, options?: Cause) {
    super(`the command could not be run: ${why}`, options);
  }
}

export class RunnerUnavailable extends OrreryError {
  override readonly name = 'RunnerUnavailable';
  readonly code = 'runner-unavailable';
  readonly isRetryable = false;

  constructor(driver: string) {
    super(`nothing can be run in kernels of the driver ${driver}`);
  }
}

/** The process that keeps what runs says no, or that it failed; `code` is its own. */
export class KeeperRefused extends OrreryError {
  override readonly name = 'KeeperRefused';
  readonly code: string;
  readonly isRetryable = false;

  constructor(failure: { readonly code: string; readonly message: string }) {
    super(failure.message);
    this.code = failure.code;
  }
}

/** The process that keeps what runs does not answer. */
export class KeeperUnavailable extends OrreryError {
  override readonly name = 'KeeperUnavailable';
  readonly code = 'keeper-unavailable';
  readonly isRetryable = true;

  constructor(why: string, options?: Cause) {
    super(`the keeper of runs did not answer: ${why}`, options);
  }
}

export class TerminalUnavailable extends OrreryError {
  override readonly name = 'TerminalUnavailable';
  readonly code = 'terminal-unavailable';
  readonly isRetryable = false;

  constructor(why: string) {
    super(`no terminal can be given here: ${why}`);
  }
}

export class DataDirectoryTaken extends OrreryError {
  override readonly name = 'DataDirectoryTaken';
  readonly code = 'data-directory-taken';
  readonly isRetryable = false;

  constructor(directory: string, pid: number) {
    super(`another agent (process ${pid}) works on ${directory}`);
  }
}
