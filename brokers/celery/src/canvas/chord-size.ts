/** How many parts a signature reports to the chord whose header it is in (celery.md 12.3). */
import { isChain, isChord, isGroup, type Signature } from './signature.ts'

export function chordSize(signature: Signature): number {
  if (isGroup(signature)) return signature.kwargs.tasks.reduce((sum, member) => sum + chordSize(member), 0)
  if (isChord(signature)) return chordSize(signature.kwargs.body)
  if (!isChain(signature)) return 1
  // The last step reports, unless it is empty.
  for (const step of signature.kwargs.tasks.toReversed()) {
    const size = chordSize(step)
    if (size > 0) return size
  }
  return 0
}
