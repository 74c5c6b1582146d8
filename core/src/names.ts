/** Names, ids and keys: which texts are accepted. */
import { ConfigError } from './errors.ts'
import { shown } from './shown.ts'

/** Checks a task id: 1 to 200 visible ASCII characters. @throws {ConfigError} NAME_INVALID */
export function checkId(id: string): string {
  if (typeof id === 'string' && /^[!-~]{1,200}$/.test(id)) return id
  throw new ConfigError('NAME_INVALID', `expected \`id\` to be 1 to 200 visible ASCII characters, got: ${shown(id)}`)
}

/** Checks a name of a task, queue or schedule: 1 to 200 visible characters without spaces. @throws {ConfigError} NAME_INVALID */
export function checkName(name: string, what: string): string {
  if (typeof name === 'string' && /^[^\s\p{C}]{1,200}$/u.test(name)) return name
  throw new ConfigError('NAME_INVALID', `expected the ${what} name to be 1 to 200 characters without spaces, got: ${shown(name)}`)
}

/** Checks a unique key: 1 to 500 characters. @throws {ConfigError} NAME_INVALID */
export function checkKey(key: string): string {
  if (typeof key === 'string' && key.length >= 1 && key.length <= 500) return key
  throw new ConfigError('NAME_INVALID', `expected \`key\` to be a text of 1 to 500 characters, got: ${shown(key)}`)
}
