/** The version of the package, from its package.json. */
import { readFileSync } from 'node:fs'

const { version: read } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** For example `0.1.0`. */
export const version: string = read
