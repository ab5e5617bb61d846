use std::fmt;

use crate::confusion::ConfusionMatrix;
use crate::error::{Error, check_length};
use crate::scores::{Averages, ClassScores};

/// Precision, recall, F1 and support of each class and on average, as a table of text.
///
/// [`Display`](fmt::Display) writes what scikit-learn's
/// `classification_report(…, labels=range(K), target_names=…, zero_division=0)` returns, character by character,
/// including the line break at its end.
///
/// # Example
/// ```
/// use marque_metrics::{ClassificationReport, ConfusionMatrix};
///
/// let matrix = ConfusionMatrix::from_labels(2, &[0, 0, 1], &[0, 1, 1])?;
/// let report = ClassificationReport::new(&matrix, &["Sedan".to_owned(), "SUV".to_owned()])?;
/// let text = "              precision    recall  f1-score   support
///
///        Sedan       1.00      0.50      0.67         2
///          SUV       0.50      1.00      0.67         1
///
///     accuracy                           0.67         3
///    macro avg       0.75      0.75      0.67         3
/// weighted avg       0.83      0.67      0.67         3
/// ";
/// assert_eq!(report.to_string(), text);
/// # Ok::<(), marque_metrics::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassificationReport {
    classes: Vec<(String, ClassScores)>,
    accuracy: f64,
    macro_average: Averages,
    weighted_average: Averages,
    digits: usize,
}

impl ClassificationReport {
    /// The report on a confusion matrix, with two digits after the point.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless there is one name per class, and [`Error::NoSamples`].
    pub fn new(matrix: &ConfusionMatrix, class_names: &[String]) -> Result<Self, Error> {
        check_length("class names", matrix.num_classes(), class_names.len())?;
        let accuracy = matrix.accuracy().ok_or(Error::NoSamples)?;
        let scores = matrix.class_scores();
        let macro_average = Averages::macro_average(&scores);
        let weighted_average = Averages::weighted_average(&scores);
        let classes = class_names.iter().cloned().zip(scores).collect();
        Ok(Self::from_scores(
            classes,
            accuracy,
            macro_average,
            weighted_average,
        ))
    }

    pub(crate) fn from_scores(
        classes: Vec<(String, ClassScores)>,
        accuracy: f64,
        macro_average: Averages,
        weighted_average: Averages,
    ) -> Self {
        Self {
            classes,
            accuracy,
            macro_average,
            weighted_average,
            digits: 2,
        }
    }

    /// The same report with this many digits after the point.
    pub fn with_digits(self, digits: usize) -> Self {
        // More digits than an f64 ever has would only fill the page, and the formatter has a limit of its own.
        Self {
            digits: digits.min(MAX_DIGITS),
            ..self
        }
    }
}

/// The smallest positive `f64` has 1074 digits after the point.
const MAX_DIGITS: usize = 1074;

impl fmt::Display for ClassificationReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits;
        let longest_name = self
            .classes
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        let width = longest_name.max("weighted avg".len()).max(digits);
        let row = |formatter: &mut fmt::Formatter<'_>, name: &str, scores: Averages, support: &str| {
            let Averages {
                precision,
                recall,
                f1,
            } = scores;
            writeln!(
                formatter,
                "{name:>width$}  {precision:>9.digits$} {recall:>9.digits$} {f1:>9.digits$} {support:>9}"
            )
        };

        write!(formatter, "{:>width$}  {:>9} {:>9}", "", "precision", "recall")?;
        writeln!(formatter, " {:>9} {:>9}\n", "f1-score", "support")?;
        for (name, class) in &self.classes {
            let ClassScores {
                precision,
                recall,
                f1,
                support,
            } = *class;
            row(
                formatter,
                name,
                Averages {
                    precision,
                    recall,
                    f1,
                },
                &self.support_text(support),
            )?;
        }
        writeln!(formatter)?;
        let (accuracy, total) = (
            self.accuracy,
            self.classes.iter().map(|(_, class)| class.support).sum(),
        );
        let total = self.support_text(total);
        writeln!(
            formatter,
            "{:>width$}  {:>9} {:>9} {accuracy:>9.digits$} {total:>9}",
            "accuracy", "", ""
        )?;
        row(formatter, "macro avg", self.macro_average, &total)?;
        row(formatter, "weighted avg", self.weighted_average, &total)
    }
}

impl ClassificationReport {
    /// scikit-learn's counts are floating-point numbers where not a single sample is predicted rightly, and it
    /// prints them so; a report that is compared as text must too.
    fn support_text(&self, support: u64) -> String {
        if self.accuracy == 0.0 {
            format!("{support}.0")
        } else {
            support.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_classes_must_be_as_many() {
        let matrix = ConfusionMatrix::from_labels(2, &[0], &[0]).unwrap();
        let error = ClassificationReport::new(&matrix, &["Sedan".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "expected 2 class names, found 1");
        let empty = ConfusionMatrix::new(1).unwrap();
        assert!(matches!(
            ClassificationReport::new(&empty, &["Sedan".to_owned()]),
            Err(Error::NoSamples)
        ));
    }

    #[test]
    fn any_number_of_digits_can_be_written() {
        let matrix = ConfusionMatrix::from_labels(1, &[0], &[0]).unwrap();
        let report = ClassificationReport::new(&matrix, &["Sedan".to_owned()]).unwrap();
        assert!(
            report
                .clone()
                .with_digits(0)
                .to_string()
                .contains("Sedan          1         1         1         1")
        );
        assert!(report.with_digits(usize::MAX).to_string().len() > MAX_DIGITS);
    }
}
