# The data sets that R ships, saved as CSV, as RDS and as a workspace; a workspace is written beside and renamed.
# All in local(), because the workspace must hold the data and nothing of this script.
local({
  args <- commandArgs(trailingOnly = TRUE)
  what <- args[1]
  base <- args[2]
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  data <- file.path(dirname(normalizePath(script)), "..", "data")
  names <- c("iris", "mtcars", "airquality", "faithful", "ChickWeight", "ToothGrowth", "quakes", "volcano")
  p <- function(name, ext) file.path(base, paste0(name, ".", ext))

  if (what == "save") {
    for (n in names) {
      set <- get(n)
      if (is.data.frame(set)) write.csv(set, p(n, "csv"), row.names = n == "mtcars", quote = FALSE)
      saveRDS(set, p(n, "rds"))
      assign(n, set, envir = globalenv())
    }
    save.image(p("workspace", "RData"))
    assign("fit", coef(lm(mpg ~ wt, data = mtcars)), envir = globalenv())
    save.image(p("workspace", "RData"))
    save(list = names, file = p("all", "rda"), compress = "xz")
    sink(p("log", "txt")); print(summary(iris)); sink()
    cat("one more line\n", file = p("log", "txt"), append = TRUE)
  }

  shipped <- as.environment("package:datasets")
  for (n in names) stopifnot(identical(readRDS(p(n, "rds")), get(n, envir = shipped)))
  e <- new.env()
  load(p("workspace", "RData"), envir = e)
  stopifnot(identical(e$fit, coef(lm(mpg ~ wt, data = datasets::mtcars))), identical(e$iris, datasets::iris))
  load(p("all", "rda"), envir = e)
  stopifnot(identical(e$volcano, datasets::volcano))
  for (n in c("iris", "mtcars", "airquality")) {
    stopifnot(identical(readLines(p(n, "csv")), readLines(file.path(data, paste0(n, ".csv")))))
  }
  stopifnot(tail(readLines(p("log", "txt")), 1) == "one more line")
})
