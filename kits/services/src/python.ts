/** A Python that knows Celery. */
import { execFileSync } from 'node:child_process'
import { install } from './installed.ts'

const modules = ['celery', 'redis', 'msgpack', 'yaml']
const debianPackages = ['python3-celery', 'python3-redis', 'python3-msgpack', 'python3-yaml']
/** Debian's own first: what stands before it on the search path may not know its packages. */
const pythons = ['/usr/bin/python3', 'python3']

let known: string | undefined

/** Gives a Python that has Celery and what it speaks; on Debian as root they are installed when missing. */
export function pythonWithCelery(): string | undefined {
  known ??= pythons.find(knowsCelery)
  if (known === undefined && install(...debianPackages)) known = pythons.find(knowsCelery)
  return known
}

function knowsCelery(python: string): boolean {
  try {
    execFileSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
