//! What attacks raise, as traced losses per image.

use unperturb_engine::{Graph, Value};

use super::{LABELS, TARGETS};

/// A loss of logits z and the right class y, or a target t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Cross-entropy of y; targeted, less that of t.
    CrossEntropy,
    /// `max over i != y of z_i - z_y` (Carlini and Wagner 2017); targeted, `z_t - max over i != t of z_i`.
    Margin,
    /// The margin where it is below this lead, which is the most there is to win.
    Confidence(f32),
    /// The difference of logits ratio (Croce and Hein 2020, equations 6 and 7), which does not change with the scale of
    /// the logits: `(max over i != y of z_i - z_y) / (z_1st - z_3rd + 1e-12)`; targeted,
    /// `(z_t - z_y) / (z_1st - (z_3rd + z_4th) / 2 + 1e-12)`.
    Dlr,
    /// `z_t - z_y`, whose zero is the boundary between the two classes; untargeted, the margin.
    Difference,
}

/// A loss and whom it is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Which loss.
    pub loss: Loss,
    /// Whether it leads to the target instead of away from the label.
    pub targeted: bool,
}

/// Below every logit there is.
const LOWEST: f32 = -1e30;

impl Objective {
    /// How many classes there must be for the loss to make sense.
    pub fn classes(self) -> usize {
        match (self.loss, self.targeted) {
            (Loss::Dlr, false) => 3,
            (Loss::Dlr, true) => 4,
            _ => 2,
        }
    }

    /// The loss that leads the same way with fewer classes: the numerator of the ratio, else the same.
    pub fn for_few_classes(self) -> Self {
        match self.loss {
            Loss::Dlr => Objective { loss: Loss::Difference, ..self },
            _ => self,
        }
    }

    /// The loss `[n]` of `logits` `[n, k]`, with labels and, if it is targeted, targets from their states.
    pub fn trace<'g>(self, g: &'g Graph, logits: Value<'g>) -> Value<'g> {
        let n = logits.shape()[0];
        let labels = g.state_u32(LABELS, [n]);
        let goal = if self.targeted { g.state_u32(TARGETS, [n]) } else { labels };
        let away = if self.targeted { -1.0 } else { 1.0 };
        let loss = match self.loss {
            Loss::CrossEntropy => return logits.cross_entropy(goal, 0.0) * away,
            Loss::Margin => lead(logits, goal) * away,
            Loss::Confidence(most) => (most - (lead(logits, goal) * away)).relu() * -1.0,
            Loss::Difference if self.targeted => at(logits, goal) - at(logits, labels),
            Loss::Difference => lead(logits, labels),
            Loss::Dlr => {
                let (first, rest) = take_largest(logits);
                let (_, rest) = take_largest(rest);
                let (third, rest) = take_largest(rest);
                let lowest = if self.targeted { (third + take_largest(rest).0) * 0.5 } else { third };
                let difference =
                    if self.targeted { at(logits, goal) - at(logits, labels) } else { lead(logits, labels) };
                difference / (first - lowest + 1e-12)
            }
        };
        loss.reshape([n])
    }
}

/// Whether each image is not of the class of its label, by its logits `[n, k]`: `[n]`. Of equal logits the first counts.
pub fn is_wrong<'g>(g: &'g Graph, logits: Value<'g>) -> Value<'g> {
    let n = logits.shape()[0];
    let labels = g.state_u32(LABELS, [n]).to_f32();
    1.0 - logits.argmax(1).reshape([n]).to_f32().equals(labels)
}

/// By how much the best other class leads that of `class`: `max over i != class of z_i - z_class`, `[n, 1]`.
pub fn lead<'g>(logits: Value<'g>, class: Value<'g>) -> Value<'g> {
    let others = one_hot(logits, class).select(logits.graph().full([], LOWEST), logits);
    take_largest(others).0 - at(logits, class)
}

/// The logit of `class`, `[n, 1]`.
fn at<'g>(logits: Value<'g>, class: Value<'g>) -> Value<'g> {
    (one_hot(logits, class) * logits).sum(&[1])
}

/// 1 at the class, 0 at the others, `[n, k]`.
fn one_hot<'g>(logits: Value<'g>, class: Value<'g>) -> Value<'g> {
    let [n, k] = [logits.shape()[0], logits.shape()[1]];
    positions(logits.graph(), k).reshape([1, k]).equals(class.reshape([n, 1]).to_f32())
}

/// The largest of each row, `[n, 1]`, and the row without it. Of equals the first is taken alone.
fn take_largest<'g>(values: Value<'g>) -> (Value<'g>, Value<'g>) {
    let hot = one_hot(values, values.argmax(1));
    let rest = hot.select(values.graph().full([], LOWEST), values);
    ((hot * values).sum(&[1]), rest)
}

/// 0, 1, 2, ..., `[count]`, by doubling.
pub fn positions(g: &Graph, count: usize) -> Value<'_> {
    let mut all = g.full([1], 0.0);
    while all.shape()[0] < count {
        let so_far = all.shape()[0] as f32;
        all = Value::concatenate(&[all, all + so_far], 0);
    }
    all.slice(0, 0..count)
}

#[cfg(test)]
mod tests {
    use unperturb_engine::{Device, Session};

    use super::*;

    const LOGITS: [[f32; 5]; 4] = [
        [3.0, 1.0, 0.5, -2.0, 2.5],
        [0.0, 4.0, 4.0, 1.0, -1.0],
        [-3.0, -1.0, -2.0, -5.0, -4.0],
        [2.0, 2.0, 2.0, 2.0, 2.0],
    ];
    const LABEL: [u32; 4] = [0, 1, 2, 4];
    const TARGET: [u32; 4] = [4, 3, 1, 0];

    /// Loss and gradient by the logits.
    fn traced(loss: Loss, targeted: bool) -> (Vec<f32>, Vec<f32>) {
        let g = Graph::new();
        let logits = g.state("z", [4, 5]);
        let loss = Objective { loss, targeted }.trace(&g, logits);
        let gradient = g.gradient(loss.sum_all(), &[logits]).unwrap()[0];
        g.output("loss", loss);
        g.output("gradient", gradient);
        g.output("label", g.state_u32(LABELS, [4]).to_f32());
        g.output("target", g.state_u32(TARGETS, [4]).to_f32());
        let mut session = Session::new(&Device::cpu());
        let program = session.compile(&g).unwrap();
        session.write("z", LOGITS.as_flattened()).unwrap();
        session.write_u32(LABELS, &LABEL).unwrap();
        session.write_u32(TARGETS, &TARGET).unwrap();
        session.run(&program, 1).unwrap();
        (session.read("loss").unwrap(), session.read("gradient").unwrap())
    }

    /// The loss written out for one image.
    fn expected(loss: Loss, targeted: bool, z: [f32; 5], y: usize, t: usize) -> f32 {
        let log_sum = z.iter().map(|z| z.exp()).sum::<f32>().ln();
        let others = |c: usize| (0..5).filter(|&i| i != c).map(|i| z[i]).fold(f32::MIN, f32::max);
        let mut sorted = z;
        sorted.sort_by(|a, b| b.total_cmp(a));
        match (loss, targeted) {
            (Loss::CrossEntropy, false) => log_sum - z[y],
            (Loss::CrossEntropy, true) => z[t] - log_sum,
            (Loss::Margin, false) | (Loss::Difference, false) => others(y) - z[y],
            (Loss::Margin, true) => z[t] - others(t),
            (Loss::Confidence(most), _) => -(most - (others(y) - z[y])).max(0.0),
            (Loss::Difference, true) => z[t] - z[y],
            (Loss::Dlr, false) => (others(y) - z[y]) / (sorted[0] - sorted[2] + 1e-12),
            (Loss::Dlr, true) => (z[t] - z[y]) / (sorted[0] - 0.5 * (sorted[2] + sorted[3]) + 1e-12),
        }
    }

    #[test]
    fn losses_are_those_of_the_papers() {
        let losses = [Loss::CrossEntropy, Loss::Margin, Loss::Dlr, Loss::Difference];
        let cases = losses.iter().flat_map(|&loss| [(loss, false), (loss, true)]);
        for (loss, targeted) in
            cases.chain([(Loss::Confidence(0.25), false), (Loss::Confidence(50.0), false)])
        {
            let (found, _) = traced(loss, targeted);
            for i in 0..4 {
                let expected = expected(loss, targeted, LOGITS[i], LABEL[i] as usize, TARGET[i] as usize);
                assert!((found[i] - expected).abs() < 1e-6, "{loss:?} {targeted} of image {i}: {}", found[i]);
            }
        }
    }

    #[test]
    fn gradients_lead_where_they_should() {
        // Margins move two logits by one each; equal logits are told apart, not shared.
        assert_eq!(traced(Loss::Margin, false).1[..5], [-1.0, 0.0, 0.0, 0.0, 1.0]);
        assert_eq!(traced(Loss::Margin, false).1[15..], [1.0, 0.0, 0.0, 0.0, -1.0]);
        assert_eq!(traced(Loss::Difference, true).1[5..10], [0.0, -1.0, 0.0, 1.0, 0.0]);
        // Beyond the wanted lead there is no way to go: image 2 leads by 1, image 1 by 0.
        let (_, gradient) = traced(Loss::Confidence(0.5), false);
        assert_eq!(gradient[10..15], [0.0; 5]);
        assert_eq!(gradient[5..10], [0.0, -1.0, 1.0, 0.0, 0.0]);
        // The ratio does not depend on the scale of the logits, so along them it does not change.
        for targeted in [false, true] {
            let (_, gradient) = traced(Loss::Dlr, targeted);
            for (z, d) in LOGITS.iter().zip(gradient.chunks_exact(5)).take(3) {
                let along: f32 = z.iter().zip(d).map(|(z, d)| z * d).sum();
                assert!(along.abs() < 1e-6 && d.iter().any(|d| *d != 0.0), "{targeted}: {along}");
            }
        }
    }

    #[test]
    fn few_classes_are_enough_without_the_ratio() {
        let dlr = |targeted| Objective { loss: Loss::Dlr, targeted };
        assert_eq!([dlr(false), dlr(true)].map(Objective::classes), [3, 4]);
        assert_eq!([dlr(false), dlr(true)].map(|o| o.for_few_classes().classes()), [2, 2]);
    }
}
