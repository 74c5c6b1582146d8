/** How many parts a signature reports to the chord whose header it is in (celery.md 12.3), once it is frozen. */
import { isChain, isChord, isGroup, type Signature } from './signature.ts'

export function chordSize(signature: Signature): number {
  if (isGroup(signature)) return signature.kwargs.tasks.reduce((sum, member) => sum + chordSize(member), 0)
  if (isChord(signature)) return chordSize(signature.kwargs.body)
  if (!isChain(signature)) return 1
  const last = signature.kwargs.tasks.at(-1)
  return last === undefined ? 0 : chordSize(last)
}
