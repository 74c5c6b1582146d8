/** The page `docs/command-line.md`, written from commander's tree so that it cannot say anything else than `--help`. */
import type { Command, Option } from 'commander'
import { buildProgram, examplesOf } from './program.ts'
import type { Terminal } from './terminal.ts'
import { path, usage } from './usage-error.ts'

/** Gives the page as Markdown. */
export function commandLinePage(): string {
  const program = buildProgram({ terminal: blankTerminal, version: '', run: async () => {} })
  const commands = program.commands.filter((command) => command.name() !== 'help')
  return [
    '# The command line',
    '',
    '<!-- Written from the commands themselves; a test compares the two, `npx vitest run apps/cli/src/command-line-page -u` writes it anew. -->',
    '',
    program.description(),
    '',
    ...table(
      ['command', 'what it does'],
      commands.map((command) => [`[\`${path(command)}\`](#${anchor(command)})`, command.summary()]),
    ),
    '## Every command',
    '',
    ...optionTable(program.options.filter((option) => option.long !== '--version')),
    'Exit codes: 0 done; 1 the task or the command failed; 2 the call was wrong; 69 the broker cannot be reached, or nobody',
    'answered. Results go to stdout; what went wrong is one line on stderr.',
    '',
    ...commands.flatMap((command) => section(command, 2)),
  ].join('\n')
}

function section(command: Command, depth: number): string[] {
  return [
    `${'#'.repeat(depth)} ${path(command)}`,
    '',
    ...command.description().split('\n'),
    '',
    '```text',
    usage(command),
    '```',
    '',
    ...table(
      ['argument', 'meaning'],
      command.registeredArguments.map((argument) => [`\`${argument.name().toUpperCase()}\``, argument.description]),
    ),
    ...optionTable(command.options),
    '```sh',
    ...examplesOf(command).flatMap(({ line, meaning }) => (meaning === '' ? [line] : [`# ${meaning}`, line])),
    '```',
    '',
    ...command.commands.flatMap((child) => section(child, depth + 1)),
  ]
}

function optionTable(options: readonly Option[]): string[] {
  return table(
    ['option', 'default', 'meaning'],
    options.map((option) => [`\`${option.flags}\``, defaultOf(option), option.description]),
  )
}

function defaultOf(option: Option): string {
  return option.defaultValue === undefined ? '' : `\`${option.defaultValueDescription ?? String(option.defaultValue)}\``
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(titles), line(titles.map(() => '---')), ...rows.map(line), '']
}

/** GitHub's anchor of a heading. */
function anchor(command: Command): string {
  return path(command).replaceAll(' ', '-')
}

const blankTerminal: Terminal = {
  out: { write() {}, live: false, colours: false, columns: undefined },
  err: { write() {}, live: false, colours: false, columns: undefined },
  cwd: '/',
  environment: {},
  readInput: async () => '',
  onInterrupt: () => () => {},
}
