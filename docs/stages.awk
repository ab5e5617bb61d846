# Adds up the table of the example `inspect` by stages, as rows of a Markdown table:
#   cargo run --no-default-features --example inspect -- --arch resnet34 | awk -f docs/stages.awk
# A stage is what has the same first word in its name (layer1, denseblock2, inception3a). Norms and rectifiers that stand
# alone count with the stage before them.
$1 ~ /^[0-9]+$/ {
    name = $2
    sub(/^features\./, "", name)
    sub(/\..*/, "", name)
    if (name ~ /^(input|flatten|dropout)$/) next
    if (name !~ /^(bn|norm|relu|act)[0-9]*$/) stage = name
    if (!(stage in shape)) order[++stages] = stage
    shape[stage] = $4
    gsub(",", "", $5)
    gsub(",", "", $6)
    parameters[stage] += $5
    multiply_adds[stage] += $6
}
function grouped(number,   text) {
    text = sprintf("%d", number)
    while (text ~ /[0-9][0-9][0-9][0-9]/) sub(/[0-9][0-9][0-9]($|,)/, ",&", text)
    return text
}
END {
    print "| stage | output C×H×W | parameters | multiply-adds |"
    print "| --- | --- | --- | --- |"
    for (i = 1; i <= stages; i++) {
        stage = order[i]
        if (parameters[stage] == 0) printf "| `%s` | %s | – | – |\n", stage, shape[stage]
        else printf "| `%s` | %s | %s | %.1f M |\n", stage, shape[stage], grouped(parameters[stage]), multiply_adds[stage] / 1e6
    }
}
