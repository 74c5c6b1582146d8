/** The commands that run: up, worker, server. */

import { duration, nameList, oneOf, text, wholeNumber } from '../option-values.ts'
import { poolChoice, poolFiles, workerRange } from '../provisioning/pool-flags.ts'
import { type CommandSpec, example, type OptionSpec } from './command-spec.ts'

const workerOptions: readonly OptionSpec[] = [
  {
    flags: '-n, --name <name>',
    meaning: "the worker's name; @ and the host are added to a bare one, %h is the host (default: worker@%h)",
    read: text('--name'),
  },
  {
    flags: '-c, --concurrency <n>',
    meaning: 'handlers at once (default: `worker_concurrency` of Celery, else 10 inline, one for each processor otherwise)',
    read: wholeNumber('--concurrency', 1, 10_000),
  },
  {
    flags: '-Q, --queues <a,b>',
    meaning: 'queues to take tasks from (default: `default` and those the definitions name)',
    read: nameList('--queues'),
  },
  {
    flags: '--pool <kind>',
    meaning: 'inline, threads or processes (default: inline)',
    read: oneOf('--pool', ['inline', 'threads', 'processes']),
  },
  {
    flags: '--prefetch <n>',
    meaning:
      'the most tasks held at once, running ones among them (default: by `worker_prefetch_multiplier` of Celery, else by the load)',
    read: wholeNumber('--prefetch', 1, 100_000),
  },
  { flags: '-E, --events', meaning: 'send task events to brokers that cannot tell whether someone captures them' },
]

/** Of a pool of worker processes. */
const poolOptions: readonly OptionSpec[] = [
  {
    flags: '--workers <min..max>',
    meaning: 'how many worker processes, by what there is to do; "4" is always four (default: 0 to one for each processor)',
    read: workerRange('--workers'),
  },
  {
    flags: '--idle-timeout <duration>',
    meaning: 'a worker process with nothing to do for so long ends, down to the least (default: 60s)',
    read: duration('--idle-timeout'),
  },
  {
    flags: '--max-lifetime <duration>',
    meaning: 'a worker process of this age finishes its tasks and is replaced (default: never)',
    read: duration('--max-lifetime'),
  },
]

const poolName: OptionSpec = {
  flags: '-n, --name <name>',
  meaning: "the pool's name; its workers are NAME-1@HOST, NAME-2@HOST (default: the file's)",
  read: text('--name'),
}

const upName: OptionSpec = {
  flags: '-n, --name <name>',
  meaning:
    "the worker's name; @ and the host are added to a bare one, %h is the host (default: worker@%h). With --workers that of the pool (default: the file's)",
  read: text('--name'),
}

const upPool: OptionSpec = {
  flags: '--pool <kind|file>',
  meaning: 'inline, threads or processes: where handlers run (default: inline); or a pool file; may be repeated',
  read: poolChoice,
}

const serverPool: OptionSpec = {
  flags: '--pool <file>',
  meaning: 'a task file to be run by worker processes, or a pool file (.json) with several pools; may be repeated',
  read: poolFiles,
}

const serverOptions: readonly OptionSpec[] = [
  { flags: '--port <n>', meaning: 'the HTTP port; 0 picks a free one', read: wholeNumber('--port', 0, 65_535), initial: 4600 },
  {
    flags: '--host <address>',
    meaning: 'the address to listen on; another one than this machine alone reaches needs clients with tokens',
    read: text('--host'),
    initial: '127.0.0.1',
  },
  {
    flags: '--token-file <file>',
    meaning:
      'who may call over HTTP, one a line: "clientId token scope ..." (default: the lines of LOVAGE_TOKENS, else everyone)',
    read: text('--token-file'),
  },
  {
    flags: '--public-url <url>',
    meaning: 'where clients that sign their requests reach the server, behind a proxy',
    read: text('--public-url'),
  },
  {
    flags: '--claim-timeout <duration>',
    meaning: 'how long a worker of the HTTP queue has a task without reclaiming it (default: 20 minutes)',
    read: duration('--claim-timeout'),
  },
  { flags: '--no-gateway', meaning: 'let no workers connect over socket.io' },
  {
    flags: '--gateway-grace <duration>',
    meaning: 'how long such a worker may be away before its tasks go elsewhere; 0 for none (default: 5s)',
    read: duration('--gateway-grace'),
  },
  {
    flags: '--gateway-pause <duration>',
    meaning: 'how long one gets no tasks that rejected one (default: 15 minutes)',
    read: duration('--gateway-pause'),
  },
  {
    flags: '--anonymous-workers',
    meaning: 'let workers in that show no token (default: those of this machine, while everyone may call over HTTP)',
  },
]

/** The long word of an option. */
const wordOf = (flags: string): string => /--[\w-]+/.exec(flags)?.[0] ?? flags

const files = 'modules whose exports are task definitions; TypeScript runs as it is'

export const up: CommandSpec = {
  name: 'up',
  summary: 'Run everything on one machine: queue, schedules, workers and HTTP server.',
  notes:
    'Ctrl-C, SIGTERM or closing the terminal (SIGHUP) lets running handlers finish; a second Ctrl-C, or SIGQUIT, aborts them and gives their tasks back.',
  args: [{ name: '[files...]', meaning: files }],
  options: [
    ...serverOptions,
    ...workerOptions.map((option) => [upName, upPool].find(({ flags }) => wordOf(flags) === wordOf(option.flags)) ?? option),
    ...poolOptions,
  ],
  examples: [
    example('lovage up tasks.ts', 'a queue in ./lovage.db, a worker for tasks.ts, http://127.0.0.1:4600'),
    example('lovage up tasks/*.ts -c 8 --port 8080', 'eight handlers at once, another port'),
    example('lovage up tasks.ts --workers 1..4 -c 2', 'one to four worker processes of two handlers each, as tasks come and go'),
    example('lovage up', 'queue, schedules and HTTP only; workers join from elsewhere'),
  ],
  load: async () => (await import('../commands/up.ts')).up,
}

export const worker: CommandSpec = {
  name: 'worker',
  summary: 'Run the tasks of one or more modules.',
  notes:
    'Ctrl-C, SIGTERM or closing the terminal (SIGHUP) lets running handlers finish; a second Ctrl-C, or SIGQUIT, aborts them and gives their tasks back.',
  args: [{ name: '<files...>', meaning: files }],
  options: workerOptions,
  examples: [
    example('lovage worker tasks.ts', 'takes tasks from ./lovage.db until Ctrl-C'),
    example('lovage worker tasks.ts -n images -c 4 -Q images,default', 'named images@HOST, four at once, two queues'),
    example('lovage worker tasks.ts --pool processes', 'each handler in a process that can be killed'),
    example('lovage worker tasks.ts --json | pino-pretty', 'the log as JSON Lines'),
  ],
  load: async () => (await import('../commands/worker.ts')).worker,
}

export const server: CommandSpec = {
  name: 'server',
  summary:
    'Serve HTTP and workers over socket.io, and maintain the queue; with --pool start and end worker processes as they are needed.',
  notes:
    'Ctrl-C, SIGTERM or SIGHUP lets the workers of its pools finish what they run, and those that connect over socket.io for up to 10s; a second Ctrl-C, or SIGQUIT, aborts the former, gives their tasks back and waits for nobody.',
  options: [
    ...serverOptions,
    serverPool,
    ...poolOptions,
    ...workerOptions
      .filter(({ flags }) => ['--name', '--concurrency', '--queues', '--prefetch'].includes(wordOf(flags)))
      .map((option) => (wordOf(option.flags) === '--name' ? poolName : option)),
  ],
  examples: [
    example('lovage server', 'http://127.0.0.1:4600 on ./lovage.db'),
    example(
      'lovage server --pool tasks.ts --workers 0..4 -Q images',
      'and up to four worker processes, while there is something to do',
    ),
    example('lovage server --pool pools.json', 'several pools, as the file says'),
    example('lovage server --port 0 --json', 'a free port, told in the first line'),
    example(
      'lovage server --host 0.0.0.0 --token-file clients.txt',
      'for other machines: callers with a token of the file, workers with one of `lovage token create`',
    ),
  ],
  load: async () => (await import('../commands/server.ts')).server,
}

/** How long a command waits for workers to answer. */
export const timeoutOption: OptionSpec = {
  flags: '--timeout <duration>',
  meaning: 'how long to wait for answers',
  read: duration('--timeout'),
  initial: 1000,
}
