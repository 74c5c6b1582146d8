/** The program: commander's tree, built from the specs. */
import { Argument, Command, Option } from 'commander'
import type { Action, Invocation } from './invocation.ts'
import { painter } from './render/paint.ts'
import type { Terminal } from './terminal.ts'
import type { CommandSpec, Example, OptionSpec } from './tree/command-spec.ts'
import { commandSpecs, rootExamples } from './tree/index.ts'
import { settingsFrom, settingsOptions } from './tree/settings-options.ts'
import { usage } from './usage-error.ts'

/** What the program needs of its surroundings. */
export interface ProgramHost {
  readonly terminal: Terminal
  readonly version: string
  /** Runs a command that was parsed; its answer is the exit code. */
  run(action: Action<never>, invocation: Invocation): Promise<void>
}

const examples = new WeakMap<Command, readonly Example[]>()

/** The examples of a command of a program, for the page. */
export function examplesOf(command: Command): readonly Example[] {
  return examples.get(command) ?? []
}

/** Builds the program. Parsing it runs a command, or throws a CommanderError or a ConfigError. */
export function buildProgram(host: ProgramHost): Command {
  const program = new Command('lovage')
    .description('Background work for TypeScript: send tasks, run workers, see and steer both.')
    .version(host.version, '-V, --version', 'print the version')
  for (const option of settingsOptions) program.addOption(optionFrom(option))
  dress(program, rootExamples, host.terminal)
  program.helpCommand('help [command]', 'show help for a command')
  for (const spec of commandSpecs) program.addCommand(commandFrom(spec, host))
  return program
}

function commandFrom(spec: CommandSpec, host: ProgramHost): Command {
  const command = new Command(spec.name)
    .summary(spec.summary)
    .description(spec.notes === undefined ? spec.summary : `${spec.summary}\n${spec.notes}`)
  for (const { name, meaning } of spec.args ?? []) command.addArgument(new Argument(name, meaning))
  for (const option of spec.options ?? []) command.addOption(optionFrom(option))
  dress(command, spec.examples, host.terminal)
  for (const child of spec.commands ?? []) command.addCommand(commandFrom(child, host))
  if (spec.commands !== undefined) command.helpCommand(false)
  const load = spec.load
  if (load === undefined) return command
  return command.action(async () => {
    const invocation: Invocation = {
      terminal: host.terminal,
      settings: settingsFrom(rootOf(command).opts(), host.terminal.environment),
      args: command.processedArgs as Invocation['args'],
      options: command.opts(),
    }
    await host.run(await load(), invocation)
  })
}

function optionFrom(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.meaning)
  const read = spec.read
  if (read !== undefined) {
    // Commander hands the default in as what was read before; a list begins empty.
    option.argParser((value, before) => read(value, before === spec.initial ? undefined : before))
  }
  if (spec.initial !== undefined) option.default(spec.initial, initialText(spec))
  if (spec.conflicts !== undefined) option.conflicts([...spec.conflicts])
  return option
}

function initialText(spec: OptionSpec): string {
  return spec.flags.includes('<duration>') ? `${Number(spec.initial) / 1000}s` : String(spec.initial)
}

/** What all commands have in common: errors are thrown, help ends with examples and says what all commands take. */
function dress(command: Command, lines: readonly Example[], terminal: Terminal): void {
  const paint = painter(terminal.out)
  examples.set(command, lines)
  command
    .exitOverride()
    .showSuggestionAfterError(false)
    .allowExcessArguments(false)
    .helpOption('-h, --help', 'show this help')
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.out.write(text),
      outputError() {},
      getOutHelpWidth: () => terminal.out.columns ?? 100,
      getErrHelpWidth: () => terminal.out.columns ?? 100,
      getOutHasColors: () => terminal.out.colours,
    })
    .configureHelp({
      showGlobalOptions: true,
      commandUsage: (shown) => `${usage(shown)} [options]`,
      subcommandTerm: (shown) =>
        [shown.name(), ...shown.registeredArguments.map((argument) => argument.name().toUpperCase())].join(' '),
      argumentTerm: (argument) => argument.name().toUpperCase(),
      styleTitle: (title) => paint('bold', title),
    })
    .addHelpText('after', () => `\n${paint('bold', 'Examples:')}\n${exampleLines(lines, (text) => paint('dim', text))}`)
}

function exampleLines(lines: readonly Example[], comment: (text: string) => string): string {
  return lines.map(({ line, meaning }) => (meaning === '' ? `  $ ${line}` : `  $ ${line}\n    ${comment(meaning)}`)).join('\n')
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent)
}
