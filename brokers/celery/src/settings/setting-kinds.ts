/** The kinds of values that settings have, each with its check and its words. */
import { ConfigError, rateLimit, shown } from '@lovage/core'
import type { TlsFiles } from '../tls-options.ts'
import { contentTypeOf, type Serializer, serializers } from '../wire/content.ts'

/** Checks one value; what it answers is the value that counts. @throws {ConfigError} OPTION_INVALID */
export type SettingKind<Value> = (value: unknown, name: string) => Value

export const flag: SettingKind<boolean> = (value, name) => {
  if (typeof value === 'boolean') return value
  throw unexpected(name, 'true or false', value)
}

export const text: SettingKind<string> = (value, name) => {
  if (typeof value === 'string' && value !== '') return value
  throw unexpected(name, 'a text', value)
}

/** A number of seconds, as Celery's settings have it, from 0. */
export const seconds: SettingKind<number> = (value, name) => {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw unexpected(name, 'a number of seconds from 0', value)
}

/** Seconds above 0. */
export const interval: SettingKind<number> = (value, name) => {
  if (isInterval(value)) return value
  throw unexpected(name, 'a number of seconds above 0', value)
}

/** The same, where it may be none. */
export const timeLimit: SettingKind<number> = (value, name) => {
  if (isInterval(value)) return value
  throw unexpected(name, 'a number of seconds above 0, or null for none', value)
}

function isInterval(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

/** `10`, `10/s`, `100/m`, `1000/h`; 0 is no limit. */
export const rate: SettingKind<string | number> = (value, name) => {
  const given = value as string | number
  rateLimit(given, name)
  return given
}

/** Celery's names for what survives a restart of the broker, and what does not, beside the numbers of the wire. */
export const deliveryMode: SettingKind<1 | 2> = (value, name) => {
  const mode = oneOf<1 | 2 | 'transient' | 'persistent'>(1, 2, 'transient', 'persistent')(value, name)
  return mode === 1 || mode === 'transient' ? 1 : 2
}

/** Contents by the names of serializers, or by their content types. */
export const contents: SettingKind<readonly Serializer[]> = (value, name) => {
  const known = serializers.map((serializer) => [serializer, contentTypeOf(serializer)] as const)
  return listOf<Serializer>((item, place) => {
    const found = known.find((names) => (names as readonly unknown[]).includes(item))
    if (found !== undefined) return found[0]
    throw unexpected(place, `${serializers.join(' or ')} (pickle is never read)`, item)
  })(value, name)
}

/** True is TLS as Node has it; false, and none, leave it to the address. */
export const tlsFiles: SettingKind<TlsFiles | undefined> = (value, name) => {
  if (value === false || value === null) return undefined
  return value === true ? {} : (objectOf(value, name) as TlsFiles)
}

export function wholeNumber(least: number, most: number): SettingKind<number> {
  return (value, name) => {
    if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return Number(value)
    throw unexpected(name, `a whole number from ${least} to ${most}`, value)
  }
}

export function oneOf<const Choice extends string | number>(...choices: readonly Choice[]): SettingKind<Choice> {
  return (value, name) => {
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    throw unexpected(name, choices.join(' or '), value)
  }
}

export function orNone<Value>(kind: SettingKind<Value>): SettingKind<Value | undefined> {
  return (value, name) => (value === null || value === undefined ? undefined : kind(value, name))
}

export function listOf<Value>(kind: SettingKind<Value>): SettingKind<readonly Value[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw unexpected(name, 'a list', value)
    return value.map((item, index) => kind(item, `${name}[${index}]`))
  }
}

/** An object whose values are all of one kind. */
export function mapOf<Value>(kind: SettingKind<Value>): SettingKind<Readonly<Record<string, Value>>> {
  return (value, name) => {
    const entries = Object.entries(objectOf(value, name))
    return Object.fromEntries(entries.map(([key, item]) => [key, kind(item, `${name}[${shown(key)}]`)]))
  }
}

/** @throws {ConfigError} OPTION_INVALID */
export function objectOf(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>
  throw unexpected(name, 'an object', value)
}

export function unexpected(name: string, expected: string, value: unknown): ConfigError {
  return new ConfigError('OPTION_INVALID', `expected \`${name}\` to be ${expected}, got: ${shown(value)}`, { subject: name })
}
