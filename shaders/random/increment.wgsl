// increment: y = x, and one is added to the integer whose least significant word is x[first],
// carrying into the words after it.
// One invocation of a single workgroup does it all: counters have a handful of words.
// params: words, first.
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(1)
fn main() {
  var carry = 0u;
  for (var i = 0u; i < params[0][0]; i++) {
    if (i == params[0][1]) { carry = 1u; }
    let word = x[i] + carry;
    if (word != 0u) { carry = 0u; }
    y[i] = word;
  }
}
