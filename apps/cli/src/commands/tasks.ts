/** `lovage tasks`: lists tasks. */
import type { Admin, Task, TaskQuery, TaskState } from '@lovage/core'
import { adminOf } from '../admin-of.ts'
import { withBroker } from '../connection.ts'
import { exitCodes } from '../exit-code.ts'
import type { Action } from '../invocation.ts'
import { painter } from '../render/paint.ts'
import { taskRows } from '../render/task-rows.ts'
import { taskDocument } from '../task-document.ts'
import { print, printJson } from '../terminal.ts'

interface TasksFlags {
  readonly state?: readonly TaskState[]
  readonly queue?: string
  readonly name?: string
  readonly key?: string
  readonly limit: number
  readonly all?: boolean
  readonly oldest?: boolean
}

export const tasks: Action<TasksFlags> = async (invocation) => {
  const { terminal, settings, options } = invocation
  const { found, more } = await withBroker(invocation, (broker) => find(adminOf(broker), options))
  if (settings.json) {
    printJson(terminal, { tasks: found.map(taskDocument), more })
    return exitCodes.done
  }
  if (found.length === 0) {
    print(terminal.out, `no tasks${filtered(options) ? ' match' : ` in ${settings.broker}`}`)
    return exitCodes.done
  }
  for (const line of taskRows(found, painter(terminal.out), Date.now(), terminal.out.columns)) print(terminal.out, line)
  if (more) print(terminal.err, `these are ${found.length}; there are more: --all or --limit ${options.limit * 5} shows them`)
  return exitCodes.done
}

const pageSize = 1000

/** Reads pages until there are enough. */
async function find(admin: Admin, flags: TasksFlags): Promise<{ found: readonly Task[]; more: boolean }> {
  const wanted = flags.all ? Number.POSITIVE_INFINITY : flags.limit
  const found: Task[] = []
  let cursor: string | undefined
  do {
    const page = await admin.find({
      ...query(flags),
      limit: Math.min(pageSize, wanted - found.length),
      ...(cursor === undefined ? {} : { cursor }),
    })
    found.push(...page.tasks)
    cursor = page.cursor
  } while (cursor !== undefined && found.length < wanted)
  return { found, more: cursor !== undefined }
}

function query(flags: TasksFlags): TaskQuery {
  return {
    order: flags.oldest ? 'oldest' : 'newest',
    ...(flags.state === undefined ? {} : { states: flags.state }),
    ...(flags.queue === undefined ? {} : { queue: flags.queue }),
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(flags.key === undefined ? {} : { key: flags.key }),
  }
}

function filtered({ state, queue, name, key }: TasksFlags): boolean {
  return (state ?? queue ?? name ?? key) !== undefined
}
