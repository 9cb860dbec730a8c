import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino';

export type Logger = PinoLogger;

/** Structured lines on standard output; one logger a process, children for its parts. */
export function createLogger(options: {
  readonly name: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}): Logger {
  return pino({ name: options.name, level: options.level, timestamp: stdTimeFunctions.isoTime });
}
