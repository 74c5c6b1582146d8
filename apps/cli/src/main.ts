/** Runs one command line from start to exit code. */
import { type Command, CommanderError } from 'commander'
import { errorLine, errorStack } from './error-line.ts'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-code.ts'
import { version } from './package-version.ts'
import { buildProgram } from './program.ts'
import { print, processTerminal, type Terminal } from './terminal.ts'
import { usageLine } from './usage-error.ts'

/**
 * Runs a command line. Never throws: what goes wrong is one line on stderr and an exit code.
 * @param argv the words after `lovage`
 */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done
  const program = buildProgram({
    terminal,
    version,
    async run(action, invocation) {
      code = await action(invocation as Parameters<typeof action>[0])
    },
  })
  if (argv.length === 0) {
    program.outputHelp()
    return exitCodes.usage
  }
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return complained(program, argv, error, terminal)
    print(terminal.err, wantsStack(argv, terminal) ? errorStack(error) : errorLine(error))
    return exitCodeOf(error)
  }
}

/** Help and version come as errors too. */
function complained(program: Command, argv: readonly string[], error: CommanderError, terminal: Terminal): ExitCode {
  if (error.exitCode === 0 || error.code === 'commander.helpDisplayed') return exitCodes.done
  if (error.code === 'commander.help') return exitCodes.usage
  print(terminal.err, `lovage: ${usageLine(commandIn(program, argv), error)}`)
  return exitCodes.usage
}

/** The innermost command that the words name. */
function commandIn(program: Command, argv: readonly string[]): Command {
  let command = program
  for (const word of argv) command = command.commands.find((child) => child.name() === word) ?? command
  return command
}

/** Read by hand: what went wrong may be the options themselves. */
function wantsStack(argv: readonly string[], terminal: Terminal): boolean {
  const at = argv.indexOf('--loglevel')
  const asked = at >= 0 ? argv[at + 1] : argv.find((word) => word.startsWith('--loglevel='))?.slice('--loglevel='.length)
  return (asked ?? terminal.environment.LOVAGE_LOGLEVEL) === 'debug'
}

/** What a write ends with when whoever read our output has gone: the pipe's end, the terminal, the socket's end. */
const goneCodes: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO', 'ECONNRESET'])

/**
 * Deals with output that does not get out. When whoever read it has gone (`lovage tasks | head`), nothing is left to be said,
 * and nobody to say it to: what runs tasks takes it for the end of its terminal, which may come without the signal, and lets
 * them finish. Anything else, such as a full disk, is said once; tasks go on, and the exit code tells of it.
 */
function watchOutput(terminal: Terminal): { readonly failed: boolean } {
  let failed = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (goneCodes.has(error.code)) {
      if (!process.emit('SIGHUP', 'SIGHUP')) process.exit(exitCodes.done)
      return
    }
    if (!failed) print(terminal.err, `lovage: expected to write to stdout, got: ${error.message}; lines are missing there`)
    failed = true
  })
  process.stderr.on('error', () => {})
  return {
    get failed() {
      return failed
    },
  }
}

/** Runs the words of this process and ends it when everything that was written has gone out. */
export async function runProcess(argv: readonly string[]): Promise<void> {
  const terminal = processTerminal()
  const output = watchOutput(terminal)
  process.on('uncaughtException', (error) => {
    print(terminal.err, wantsStack(argv, terminal) ? errorStack(error) : errorLine(error))
    process.exit(exitCodes.failed)
  })
  // Lovage's own timers let a process end; this one may not before its command has.
  const hold = setInterval(() => {}, 2 ** 30)
  const code = await run(argv, terminal)
  clearInterval(hold)
  // Task files may hold connections and timers open; the command is done all the same.
  const end = () => process.exit(code === exitCodes.done && output.failed ? exitCodes.failed : code)
  process.stdout.write('', () => process.stderr.write('', () => setImmediate(end)))
}
