/** Putting signatures one behind the other as Python's `|` does, so that both sides send the same canvases. */
import { linkedSteps } from './links.ts'
import { chainSignature, chordSignature, isChain, isChord, isGroup, type Signature } from './signature.ts'

/** One after the other: a group with something behind it becomes a chord, and what follows a chord follows its body. */
export function piped(signatures: readonly Signature[]): Signature {
  const steps = signatures.flatMap(stepsOf).reduce<readonly Signature[]>(followedBy, [])
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

function followedBy(steps: readonly Signature[], next: Signature): readonly Signature[] {
  const [before, last] = [steps.slice(0, -1), steps.at(-1)]
  if (last === undefined) return [next]
  if (isGroup(last)) return isGroup(next) ? [...steps, next] : [...before, chordSignature(last, next)]
  if (isChord(last) && !isChord(next)) return [...before, extended(last, next)]
  return [...steps, next]
}

function extended<Chord extends Signature>(chord: Chord, next: Signature): Chord {
  return { ...chord, kwargs: { ...chord.kwargs, body: piped([chord.kwargs.body as Signature, next]) } }
}
