/** Loads task modules and collects the definitions that they export. */
import { isAbsolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type AnyTask, ConfigError, isTaskDefinition } from '@lovage/core'

/** Turns an absolute path or a `file:` URL into a URL that can be imported. @throws {ConfigError} MODULE_INVALID */
export function moduleUrl(module: string): string {
  if (module.startsWith('file:')) return module
  if (isAbsolute(module)) return pathToFileURL(module).href
  throw new ConfigError('MODULE_INVALID', `expected a task module as absolute path or file: URL, got: ${module}`, {
    subject: module,
  })
}

/**
 * Imports the modules one after the other and gives their definitions by name.
 * @throws {ConfigError} MODULE_INVALID when one cannot be loaded or exports no definition; DEFINITION_DUPLICATE when two
 * different definitions have one name
 */
export async function loadTasks(modules: readonly string[]): Promise<Map<string, AnyTask>> {
  const tasks = new Map<string, AnyTask>()
  for (const module of modules) {
    const definitions = Object.values(await load(module)).flatMap(definitionsIn)
    if (definitions.length === 0) {
      throw new ConfigError('MODULE_INVALID', `expected ${module} to export a task definition (defineTask), got none`, {
        subject: module,
      })
    }
    for (const definition of definitions) add(tasks, definition, module)
  }
  return tasks
}

async function load(module: string): Promise<object> {
  try {
    return await import(moduleUrl(module))
  } catch (cause) {
    if (ConfigError.is(cause, 'MODULE_INVALID')) throw cause
    const got = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
    throw new ConfigError('MODULE_INVALID', `expected ${module} to load as a task module, got: ${got}`, {
      cause,
      subject: module,
    })
  }
}

/** An export that is a definition, or a list or record of them. */
function definitionsIn(exported: unknown): readonly AnyTask[] {
  if (isTaskDefinition(exported)) return [exported]
  return typeof exported === 'object' && exported !== null ? Object.values(exported).filter(isTaskDefinition) : []
}

function add(tasks: Map<string, AnyTask>, definition: AnyTask, module: string): void {
  const present = tasks.get(definition.name)
  if (present !== undefined && present !== definition) {
    throw new ConfigError(
      'DEFINITION_DUPLICATE',
      `expected one definition named ${definition.name}, got a second one from ${module}; rename one of them`,
      { subject: definition.name },
    )
  }
  tasks.set(definition.name, definition)
}
