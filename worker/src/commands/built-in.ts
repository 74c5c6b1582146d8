/** Every built-in command by its name. */
import type { controlMethods, inspectMethods } from '@lovage/core'
import type { CommandHandler } from '../module.ts'
import { changeCommands } from './change.ts'
import { inspectCommands } from './inspect.ts'
import { limitCommands } from './limits.ts'
import { revokeCommands } from './revoke.ts'
import { stats } from './stats.ts'

export const builtInCommands: Readonly<
  Record<(typeof inspectMethods)[number] | (typeof controlMethods)[number], CommandHandler>
> = { ...inspectCommands, stats, ...changeCommands, ...limitCommands, ...revokeCommands }
