/** Shared secrets: random texts that every process of one queue knows, made by the first that asks. */
import { randomBytes } from 'node:crypto'
import { StoreError } from '@lovage/core'
import type { Engine } from './engine.ts'

const kind = 'secret'

/** Answers the secret of that name: 43 characters, of 256 random bits. It never changes once it is there. */
export async function sharedSecret({ store }: Pick<Engine, 'store'>, name: string): Promise<string> {
  const known = await store.records.read(kind, name)
  if (known !== undefined) return JSON.parse(known.value) as string
  const made = randomBytes(32).toString('base64url')
  if (await store.records.write([{ kind, key: name, value: JSON.stringify(made), version: 0 }])) return made
  const others = await store.records.read(kind, name)
  if (others !== undefined) return JSON.parse(others.value) as string
  throw new StoreError('STORE_BUSY', `expected to make the secret ${name}, but others removed it again; try again`)
}
