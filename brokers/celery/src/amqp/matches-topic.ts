/** How a topic exchange compares routing keys. */

/** Whether a message with the key comes to a queue that is bound so: `*` stands for one word, `#` for any number of them. */
export function matchesTopic(binding: string, routingKey: string): boolean {
  return matches(binding.split('.'), routingKey.split('.'))
}

function matches(pattern: readonly string[], words: readonly string[]): boolean {
  const [head, ...rest] = pattern
  if (head === undefined) return words.length === 0
  if (head === '#') return matches(rest, words) || (words.length > 0 && matches(pattern, words.slice(1)))
  return words.length > 0 && (head === '*' || head === words[0]) && matches(rest, words.slice(1))
}
