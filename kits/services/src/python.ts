/** Pythons that know what a test needs. */
import { execFileSync } from 'node:child_process'
import { install } from './installed.ts'

/** Debian's own first: what stands before it on the search path may not know its packages. */
const pythons = ['/usr/bin/python3', 'python3']
/** By the modules that were asked for. */
const known = new Map<string, string>()

/** Gives a Python that has Celery and what it speaks; on Debian as root they are installed when missing. */
export function pythonWithCelery(): string | undefined {
  return pythonWith(
    ['celery', 'redis', 'msgpack', 'yaml'],
    ['python3-celery', 'python3-redis', 'python3-msgpack', 'python3-yaml'],
  )
}

/** Gives a Python that has python-socketio and aiohttp, which its client stands on; on Debian as root they are installed when missing. */
export function pythonWithSocketio(): string | undefined {
  return pythonWith(['socketio', 'aiohttp'], ['python3-socketio', 'python3-aiohttp'])
}

/** Whether this machine has python-socketio; on Debian as root it is installed when missing. */
export function hasPythonSocketio(): boolean {
  return pythonWithSocketio() !== undefined
}

function pythonWith(modules: readonly string[], debianPackages: readonly string[]): string | undefined {
  const names = modules.join(', ')
  const found = known.get(names) ?? pythons.find((python) => knows(python, names))
  const python = found ?? (install(...debianPackages) ? pythons.find((one) => knows(one, names)) : undefined)
  if (python !== undefined) known.set(names, python)
  return python
}

function knows(python: string, modules: string): boolean {
  try {
    execFileSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
