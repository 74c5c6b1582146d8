/** Which of Node's options a child takes over from its parent. */

const withValue: ReadonlySet<string> = new Set(['-e', '--eval', '-p', '--print', '-pe', '--input-type'])

/** All of them but the text that `node --eval` was given and its kind, which a child with a file refuses. */
export function inheritedArguments(execArgv: readonly string[]): readonly string[] {
  const inherited: string[] = []
  for (let index = 0; index < execArgv.length; index++) {
    const argument = execArgv[index] as string
    if (withValue.has(argument)) index++
    else if (!/^--(eval|print|input-type)=/.test(argument)) inherited.push(argument)
  }
  return inherited
}
