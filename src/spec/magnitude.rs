//! Numbers that stay as they were written.

use std::fmt;
use std::str::FromStr;

use super::OptionValue;

/// A finite number of at least zero that remembers whether it was written as a fraction, so that an epsilon of
/// `8/255` is printed as `8/255` and never as `0.03137255`.
///
/// Equality is of the writing (`1/2` is not `0.5`); compare [`value`](Self::value)s to compare sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Magnitude {
    numerator: f64,
    denominator: Option<f64>,
}

/// Why a text is no [`Magnitude`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MagnitudeError {
    /// Not a number, or not finite, or too large for `f32`.
    #[error("expected a number such as 0.5 or 8/255")]
    NotANumber,
    /// Below zero.
    #[error("expected a number that is not negative")]
    Negative,
    /// A fraction over zero.
    #[error("a fraction cannot be over zero")]
    OverZero,
}

impl Magnitude {
    /// `numerator/denominator`; for constants: `denominator` must not be zero.
    pub const fn fraction(numerator: u16, denominator: u16) -> Self {
        assert!(denominator != 0, "a fraction cannot be over zero");
        Self { numerator: numerator as f64, denominator: Some(denominator as f64) }
    }

    /// A plain number; for constants: it must be finite and not negative.
    pub const fn plain(value: f64) -> Self {
        assert!(value >= 0.0 && value <= f32::MAX as f64, "a magnitude is finite and not negative");
        Self { numerator: value, denominator: None }
    }

    /// A plain number.
    ///
    /// # Errors
    /// Where it is negative or not finite as `f32`.
    pub fn decimal(value: f64) -> Result<Self, MagnitudeError> {
        Self::new(value, None)
    }

    /// The number itself, rounded once.
    pub fn value(self) -> f32 {
        self.exact() as f32
    }

    fn exact(self) -> f64 {
        self.numerator / self.denominator.unwrap_or(1.0)
    }

    fn new(numerator: f64, denominator: Option<f64>) -> Result<Self, MagnitudeError> {
        let parts = [numerator, denominator.unwrap_or(1.0)];
        if parts.iter().any(|part| !part.is_finite()) {
            return Err(MagnitudeError::NotANumber);
        }
        if parts.iter().any(|part| part.is_sign_negative()) {
            return Err(MagnitudeError::Negative);
        }
        if denominator == Some(0.0) {
            return Err(MagnitudeError::OverZero);
        }
        let magnitude = Self { numerator, denominator };
        if magnitude.value().is_finite() { Ok(magnitude) } else { Err(MagnitudeError::NotANumber) }
    }
}

impl fmt::Display for Magnitude {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            Some(denominator) => write!(f, "{}/{denominator}", self.numerator),
            None => write!(f, "{}", self.numerator),
        }
    }
}

impl FromStr for Magnitude {
    type Err = MagnitudeError;

    fn from_str(text: &str) -> Result<Self, MagnitudeError> {
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_| MagnitudeError::NotANumber);
        match text.split_once('/') {
            Some((above, below)) => Self::new(number(above)?, Some(number(below)?)),
            None => Self::new(number(text)?, None),
        }
    }
}

impl OptionValue for Magnitude {
    fn read(&mut self, text: &str) -> Result<(), String> {
        *self = text.parse().map_err(|error: MagnitudeError| error.to_string())?;
        Ok(())
    }

    fn written(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_as_written() {
        for text in ["8/255", "0.5", "0", "2.5/255", "16/255", "0.0000001"] {
            assert_eq!(text.parse::<Magnitude>().unwrap().to_string(), text);
        }
        assert_eq!("1e-3".parse::<Magnitude>().unwrap().to_string(), "0.001");
        assert_eq!(" 8 / 255 ".parse::<Magnitude>().unwrap(), Magnitude::fraction(8, 255));
    }

    #[test]
    fn rounds_once() {
        assert_eq!("8/255".parse::<Magnitude>().unwrap().value(), (8.0f64 / 255.0) as f32);
        assert_eq!("1/3".parse::<Magnitude>().unwrap().value(), 1.0f32 / 3.0);
    }

    #[test]
    fn refuses_what_is_no_magnitude() {
        use MagnitudeError::*;
        for (text, error) in [
            ("", NotANumber),
            ("eight", NotANumber),
            ("8/", NotANumber),
            ("8/255/2", NotANumber),
            ("nan", NotANumber),
            ("inf", NotANumber),
            ("1e39", NotANumber),
            ("1/1e-39", NotANumber),
            ("1/0", OverZero),
            ("0/0", OverZero),
            ("-1", Negative),
            ("1/-2", Negative),
        ] {
            assert_eq!(text.parse::<Magnitude>(), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(numerator in 0.0f64..1e6, denominator in proptest::option::of(1e-3f64..1e6)) {
            let written = Magnitude::new(numerator, denominator).unwrap();
            prop_assert_eq!(written.to_string().parse::<Magnitude>(), Ok(written));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,12}") {
            if let Ok(magnitude) = text.parse::<Magnitude>() {
                prop_assert!(magnitude.value().is_finite() && magnitude.value() >= 0.0);
            }
        }
    }
}
