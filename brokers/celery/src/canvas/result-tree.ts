/** Result tuples: the ids of what was applied, each with those of what came before it (celery.md 15.1). */
import type { ResultTuple } from '../wire/result-record.ts'

export function taskResult(id: string): ResultTuple {
  return [[id, null], null]
}

export function groupResult(id: string, members: readonly ResultTuple[]): ResultTuple {
  return [[id, null], members]
}

/** The same, with a parent for the first of those that came before it. */
export function withParent(result: ResultTuple, parent: ResultTuple | null): ResultTuple {
  if (parent === null) return result
  const line: ResultTuple[] = []
  for (let one: ResultTuple | null = result; one !== null; one = one[0][1]) line.push(one)
  let first = parent
  for (const [[id], children] of line.reverse()) first = [[id, first], children]
  return first
}

/** Whether some of the members of a group are groups. */
export function isNested([, members]: ResultTuple): boolean {
  return members?.some(([, children]) => children !== null) ?? false
}

/** The ids of the tasks in results, groups resolved. */
export function leavesOf(results: readonly ResultTuple[]): readonly string[] {
  return results.flatMap(([[id], children]) => (children === null ? [id] : leavesOf(children)))
}

/** All tasks in a result: those that it comes to, and those before them. */
export function lineOf(result: ResultTuple): readonly string[] {
  const line: string[][] = []
  for (let one: ResultTuple | null = result; one !== null; one = one[0][1]) {
    const [[id], children]: ResultTuple = one
    line.push(children === null ? [id] : children.flatMap(lineOf))
  }
  return line.reverse().flat()
}

/** The value of a result, of a group the list of its values. */
export function nestedValue([[id], children]: ResultTuple, known: ReadonlyMap<string, unknown>): unknown {
  return children === null ? known.get(id) : children.map((child) => nestedValue(child, known))
}
