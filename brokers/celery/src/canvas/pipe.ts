/** Putting signatures one behind the other as Python's `|` does, so that both sides send the same canvases. */
import { linkedSteps } from './links.ts'
import { chainSignature, chordSignature, isChain, isChord, isGroup, type Signature } from './signature.ts'

/** One after the other: a group with something behind it becomes a chord, and what follows a chord follows its body. */
export function piped(signatures: readonly Signature[]): Signature {
  const steps: Signature[] = []
  for (const next of signatures.flatMap(stepsOf)) {
    const last = steps.pop()
    steps.push(...(last === undefined ? [next] : inRow(last, next)))
  }
  const [only, ...more] = steps
  return only !== undefined && more.length === 0 ? only : chainSignature(steps)
}

function stepsOf(signature: Signature): readonly Signature[] {
  if (isChain(signature)) return linkedSteps(signature).flatMap(stepsOf)
  if (!isGroup(signature)) return [signature]
  const [only, ...more] = signature.kwargs.tasks
  if (only === undefined) return []
  return more.length === 0 ? stepsOf(only) : [signature]
}

/** What the last step and the next are together. */
function inRow(last: Signature, next: Signature): readonly Signature[] {
  if (isGroup(last) && !isGroup(next)) return [chordSignature(last, next)]
  return isChord(last) && !isChord(next) ? [extended(last, next)] : [last, next]
}

function extended<Chord extends Signature>(chord: Chord, next: Signature): Chord {
  return { ...chord, kwargs: { ...chord.kwargs, body: piped([chord.kwargs.body as Signature, next]) } }
}
