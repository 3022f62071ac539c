// A chart is a figure with the option beside it as JSON, drawn as SVG in the colours of the theme.
import * as echarts from "echarts/core";
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, DatasetComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

echarts.use([BarChart, LineChart, AriaComponent, DatasetComponent, GridComponent, LegendComponent, TooltipComponent, SVGRenderer]);

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function themed(option) {
  const ink = colour("--tblr-secondary"), line = colour("--tblr-border-color");
  const axis = (one) => ({
    ...one,
    axisLabel: { color: ink, ...one?.axisLabel },
    nameTextStyle: { color: ink, align: "left" },
    axisLine: { lineStyle: { color: line } },
    splitLine: { lineStyle: { color: line } },
  });
  return {
    color: ["--tblr-primary", "--tblr-teal", "--tblr-orange", "--tblr-purple", "--tblr-pink", "--tblr-lime", "--tblr-cyan", "--tblr-yellow"].map(colour),
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    grid: { left: 8, right: 16, top: option.legend ? 40 : 16, bottom: 8, containLabel: true },
    ...option,
    legend: option.legend && { top: 0, textStyle: { color: ink }, type: "plain", ...option.legend },
    tooltip: { trigger: "axis", renderMode: "richText", ...option.tooltip },
    aria: { enabled: true },
    xAxis: axis(option.xAxis),
    yAxis: Array.isArray(option.yAxis) ? option.yAxis.map(axis) : axis(option.yAxis),
  };
}

function draw(element) {
  const option = JSON.parse(document.getElementById(element.dataset.chart).textContent);
  const chart = echarts.getInstanceByDom(element) ?? echarts.init(element, null, { renderer: "svg" });
  chart.setOption(themed(option), true);
}

export function drawIn(root) {
  root.querySelectorAll("[data-chart]").forEach(draw);
}

export function redrawAll() {
  drawIn(document);
}

addEventListener("resize", () => document.querySelectorAll("[data-chart]").forEach((one) => echarts.getInstanceByDom(one)?.resize()));
