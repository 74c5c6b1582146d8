/** Commander's complaints in our one line: what was expected, what came, what to do. */

import { nearest } from '@lovage/core'
import type { Command, CommanderError } from 'commander'

/** The part of a complaint that tells it apart; anything else is said in commander's words. */
const complaints: Readonly<Record<string, (command: Command, error: CommanderError) => string>> = {
  'commander.unknownCommand': (command, error) => unknownCommand(command, quoted(error)),
  'commander.unknownOption': (command, error) => unknownOption(command, quoted(error)),
  'commander.missingArgument': (command, error) =>
    `expected ${upper(quoted(error))} after \`${path(command)}\`, got: nothing; write \`${usage(command)}\``,
  'commander.optionMissingArgument': (_command, error) => {
    const flags = quoted(error)
    return `expected a value after ${flags.split(/[ ,<[]/)[0]}, got: nothing; write ${flags}`
  },
  'commander.excessArguments': (command, error) =>
    `expected no more arguments for \`${usage(command)}\`, got: ${excess(error)}; put values with spaces in single quotes`,
  'commander.conflictingOption': (_command, error) => {
    const [first, second] = [...error.message.matchAll(/'(-[^']*)'/g)].map((match) => flagOf(match[1] ?? ''))
    return `expected either ${first} or ${second}, got: both; leave one out`
  },
}

/** Says what is wrong with how the command was called. */
export function usageLine(command: Command, error: CommanderError): string {
  const complaint = complaints[error.code]
  return complaint === undefined ? error.message.replace(/^error: /, '') : complaint(command, error)
}

/** The words of a command, `lovage schedule add`. */
export function path(command: Command): string {
  return command.parent === null ? command.name() : `${path(command.parent)} ${command.name()}`
}

/** A command as it is called, `lovage send NAME [INPUT-JSON]`. */
export function usage(command: Command): string {
  const args = command.registeredArguments.map((argument) => {
    const name = `${upper(argument.name())}${argument.variadic ? '...' : ''}`
    return argument.required ? name : `[${name}]`
  })
  const children = command.commands.map((child) => child.name())
  const rest = children.length === 0 ? args : [command.parent === null ? 'COMMAND' : children.join('|')]
  return [path(command), ...rest].join(' ')
}

function unknownCommand(command: Command, word: string): string {
  const names = command.commands.map((child) => child.name())
  const close = nearest(word, names)
  const cure = close === undefined ? `see \`${path(command)} --help\`` : `did you mean \`${path(command)} ${close}\`?`
  return `expected one of the commands ${names.join(', ')}, got: ${word}; ${cure}`
}

/** What an option is called in the API, or by others, and here. */
const otherNames: Readonly<Record<string, string>> = {
  '--delay': '--in',
  '--countdown': '--in',
  '--eta': '--at',
}

function unknownOption(command: Command, flag: string): string {
  const known = [...optionsOf(command)]
  const other = otherNames[flag]
  const close = other !== undefined && known.includes(other) ? other : flag.startsWith('--') ? nearest(flag, known) : undefined
  const cure = close === undefined ? `see \`${path(command)} --help\`` : `did you mean ${close}?`
  return `expected an option of \`${path(command)}\`, got: ${flag}; ${cure}`
}

function* optionsOf(command: Command): Iterable<string> {
  for (const option of command.options) if (option.long !== undefined) yield option.long
  if (command.parent === null) yield '--help'
  else yield* optionsOf(command.parent)
}

function quoted(error: CommanderError): string {
  return /'([^']*)'/.exec(error.message)?.[1] ?? ''
}

function excess(error: CommanderError): string {
  return /but got \d+: (.*)\.$/s.exec(error.message)?.[1] ?? 'more'
}

function flagOf(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags
}

function upper(name: string): string {
  return name.toUpperCase()
}
