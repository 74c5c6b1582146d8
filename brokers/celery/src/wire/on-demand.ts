/** Libraries that few clusters need: each loads with the first body of its kind, and weighs nothing in all other workers. */
import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/** Gives what loads the module, once, and answers it. */
export function onDemand<Library>(name: string): () => Library {
  let library: Library | undefined
  return () => {
    library ??= load(name) as Library
    return library
  }
}
