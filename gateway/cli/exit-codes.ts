/** How the process ends; part of the CLI's contract. `run` and `session exec` give the program's own. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  notRun: 125,
  interrupted: 130,
} as const;

/** What a shell would give for a program that the kernel killed for its memory. */
export const KILLED_EXIT_CODE = 137;

export const exitCodeHelp = `
Exit codes:
  0    it was done
  1    it was refused, or failed
  2    the command line is wrong
  3    there is no such thing
  4    the gateway cannot be reached, or does not let you in
  125  \`run\`: the session could not be run
  130  interrupted
\`run\` and \`session exec\` end with the exit code of the program they ran.`;
